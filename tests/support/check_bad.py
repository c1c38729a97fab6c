"""Projects in which ``toque check`` has to find something, by code."""

from __future__ import annotations

from collections.abc import Mapping

from check_cases import (
    BEGIN,
    BODY,
    END,
    FOOT,
    HEAD,
    INIT,
    MANY,
    RESTART,
    Case,
    beside,
    command,
    more,
    never,
    recipe,
    settings,
    template,
    whole,
)

FIRST = f"{INIT}:{HEAD.count(chr(10)) + 1}"  # the first line of a recipe's body
BAD: Mapping[str, Mapping[str, Case]] = {
    "import-broken": {
        "no such name": whole("from toque import Cookbook, Fille  # BAD\n"),
        "no such module": whole("from .recipes import setup  # BAD\nfrom toque import Cookbook\n"),
        "no such package": whole("import nowhere_at_all  # BAD\nfrom toque import Cookbook\n"),
        "in a function": recipe("import nowhere_at_all  # BAD\n"),
        "of another module": whole(
            "from .parts import setup  # BAD\n", {"books/web/parts.py": "def set_up(): ...\n"}
        ),
        "no Python": whole("def setup(  # BAD\n", at=f"{INIT}:1"),
        "raises": whole("from toque import Cookbook\n1 / 0  # BAD\n"),
    },
    "recipe-broken": {
        "raises": recipe("{}['x']  # BAD\n"),
        "on one release": recipe("""
            if r.facts.codename == "trixie":
                {}['x']  # BAD
        """),
        "a wrong path": recipe('r.add(File("etc/motd", content="x"))  # BAD\n'),
        "a wrong value": settings("[stack.attributes.web]\nsize = 'x'  # BAD\n"),
        "notifies what is not there": recipe("""
            r.add(File("/etc/x", content="x"), notify=Service("x").reload)  # BAD
        """),
    },
    "template-broken": {
        "no such name": Case(
            template("{{ b }}\n").files, FIRST
        ),
        "no such template": recipe('r.render("y.j2")  # BAD\n'),
        "in a branch": recipe(
            'if r.node == "never":\n    r.render("x.j2", a=a)  # BAD\n',
            {"books/web/templates/x.j2": "{{ a.size }} {{ size }}\n"},
        ),
        "no Jinja2": template("{% if a %}  {# BAD #}\n"),
    },
    "unknown-attribute": {
        "in a recipe": never('print(a.sise)  # BAD\n'),
        "of a table": never('print(a.tls.prt)  # BAD\n'),
        "in a template": template("{{ a.sise }}  {# BAD #}\n"),
        "of an app": recipe('for app in r.apps:\n    print(app.domain)  # BAD\n'),
        "of the recipe": never('r.instal("x")  # BAD\n'),
        "of a parameter": whole(
            HEAD + "\ndef other(a: Web) -> int:\n    return a.sise  # BAD\n" + FOOT
        ),
        "of another cookbook": recipe("""
            from toque.library.nginx import Nginx
            if r.node == "never":
                print(r.attributes(Nginx).largest)  # BAD
        """),
        "in toque.toml": settings("[stack.attributes.web]\nsise = 3  # BAD\n"),
    },
    "unused-attribute": {
        "plain": more("more: int = 1  # BAD"),
        "in a table": whole(HEAD.replace("443", "443\n    more: int = 1  # BAD") + FOOT),
        "read of another": more(
            "user: str = ''  # BAD", "print([app.user for app in r.apps])\n"
        ),
    },
    "unused-file": {
        "template": beside("books/web/templates/old.j2", "x\n"),
        "file": beside("books/web/files/logo.svg", "<svg/>\n"),
        "in a folder": beside("books/web/templates/a/b.conf.j2", "x\n"),
    },
    "private-key": {
        "a file": beside("keys/deploy", f"{BEGIN}OPENSSH PRIVATE KEY{END}{BODY}\n"),
        "of a cookbook": Case(
            {**recipe('r.file("k")\n').files,
             "books/web/files/k": f"{BEGIN}RSA PRIVATE KEY{END}{BODY}\n"}, "books/web/files/k:1"
        ),
        "only its beginning": beside("k.pem", f"{BEGIN}RSA PRIVATE KEY{END}MIIE\n"),
        "in JSON": beside("a.json", f'{{\n"key": "{BEGIN}PRIVATE KEY-----\\n{BODY}\\n"}}\n', 2),
        "in Python": beside("conf.py", f'KEY = (\n"{BEGIN}EC PRIVATE KEY-----\\n"\n"{BODY}")\n', 2),
        "of PGP": beside("k.asc", f"{BEGIN}PGP PRIVATE KEY BLOCK{END}\n{BODY}\n"),
        "of PuTTY": beside("k.ppk", f"PuTTY-User-Key-File-3: ssh-rsa\nPrivate-Lines: 1\n{BODY}\n"),
    },
    "access-token": {
        "GitHub": beside("ci.sh", f"#!/bin/sh\nTOKEN=ghp_{MANY}\n", 2),
        "AWS": beside("conf.ini", "id = AKIA" + "QZ7T3M5K2WJ4R6XN\n"),
        "GitLab": beside("fetch.py", f'TOKEN = "glpat-{MANY[:20]}"\n'),
        "Slack": beside("hook.yml", f"url: https://hooks.slack.com/services/T{MANY[:9]}/B{MANY[:9]}/{MANY[:24]}\n"),
        "Stripe": beside("pay.py", f"\n\nKEY = 'sk_live_{MANY[:24]}'\n", 3),
        "in a recipe": recipe(f'r.add(Log("ghs_{MANY}"))  # BAD\n'),
    },
    "plain-secret": {
        "of an app": settings("[apps.shop.env]\nMAIL_PASSWORD = 'hunter2'  # BAD\n"),
        "in .env": beside(".env", "DEBUG=1\nexport SECRET_KEY=abcdef\n", 2),
        "in a file of variables": beside("deploy/web.env", 'API_KEY="abcdef"\n'),
    },
    "secret-readable": {
        "a mode": recipe("""
            if r.node == "never":
                r.add(File("/etc/s", content=r.secret("shop/X"), mode=0o644))  # BAD
        """),
        "the usual mode": recipe("""
            text = r.env_file("shop", {})
            r.add(File("/etc/s", content=text))  # BAD
        """),
        "a secret of its own": recipe(
            'r.add(File("/etc/s", Secret("x", "yyyyyyyy"), mode=0o604))  # BAD\n'
        ),
        "a line": recipe("""
            r.add(File("/etc/s", content="# ours", create_only=True))
            r.add(Line("/etc/s", line=r.secret("shop/SECRET_KEY"), match="^s"))  # BAD
        """),
    },
    "secret-revealed": {
        "a file": recipe("""
            text = r.secret("shop/SECRET_KEY").reveal()
            r.add(File("/etc/s", content=f"key={text}", mode=0o600))  # BAD
        """),
        "a command": recipe("""
            key = r.secret("shop/SECRET_KEY")
            r.add(Command(("login", key.reveal()), once="login"))  # BAD
        """),
        "a message": recipe("""
            values = r.environment(r.apps[0])
            r.add(Log(values["SECRET_KEY"].reveal()))  # BAD
        """),
    },
    "restart-unasked": {
        "systemctl": command(f"{RESTART}, always=True"),
        "by a shell": command('("sh", "-c", "nginx -t && nginx -s reload"), always=True'),
        "sudo": command('("sudo", "-n", "service", "x", "restart"), always=True'),
        "in a plan alone": recipe("""
            words = ["systemctl"] + ["reload", "x"]
            r.add(Command(tuple(words), always=True))  # BAD
        """),
        "by a command that always runs": recipe("""
            # toque: allow command-always -- another case
            r.add(Command(("true",), always=True), notify=Service("x").restart)  # BAD
            r.add(Service("x"))
        """),
        "in a branch": never(f"r.add(Command({RESTART}, always=True))  # BAD\n"),
    },
    "command-unguarded": {
        "plain": command('("touch", "/x")'),
        "in a branch": never('r.add(Command(("touch", "/x"), user="x"))  # BAD\n'),
        "an empty guard": never('r.add(Command(("x",), unless=()))  # BAD\n'),
    },
    "command-always": {
        "plain": command('("touch", "/x"), always=True'),
        "in a branch": never('r.add(Command(("x",), always=True))  # BAD\n'),
        "in a plan alone": command('("x",), **{"always": True}'),
    },
    "shell-string": {
        "sh": command('("sh", "-c", "ls | wc -l > /x"), creates="/x"'),
        "a guard": recipe("""
            r.add(Log("x"), when=Guard("succeeds", ["/bin/bash", "-ec", "test -e /x"]))  # BAD
        """),
        "unless": command('("x",), unless=("sudo", "sh", "-c", "y | z")'),
        "su": command('("su", "app", "-c", "date > x"), once="x"'),
        "a worker": settings("""
            [apps.shop.workers.mail]
            command = ["sh", "-c", "cd x && python -m mail"]  # BAD
        """),
        "in a plan alone": command('tuple(["sh", "-c"] + ["x|y"]), once="x"'),
    },
    "shell-value": {
        "an f-string": command('("sh", "-c", f"echo {a.size} > /x"), creates="/x"'),
        "format": command('("sh", "-c", "x {}".format(a.size)), once="x"'),
        "percent": command('("bash", "-c", "x %s" % a.size), once="x"'),
        "a guard": recipe("""
            r.add(Log("x"), when=Guard("fails", ["sh", "-c", f"y {r.node}"]))  # BAD
        """),
        "on this machine": recipe('import os\nif r.node == "never":\n    os.system("ls")  # BAD\n'),
    },
    "allowance-wrong": {
        "no reason": recipe('r.add(Log("x"))  # toque: allow shell-string\n', at=FIRST),
        "an empty reason": recipe('# toque: allow shell-string --\nr.add(Log("x"))\n', at=FIRST),
        "an unknown code": recipe('r.add(Log("x"))  # toque: allow shell-strings -- BAD\n'),
        "in a template": template("{# toque: allow this -- BAD #}\n{{ a.size }}\n"),
    },
    "allowance-unused": {
        "on its line": recipe('r.add(Log("x"))  # toque: allow shell-string -- BAD\n'),
        "before it": recipe('# toque: allow command-always -- BAD\nr.add(Log("x"))\n'),
        "in a template": template("{# toque: allow access-token -- BAD #}\n{{ a.size }}\n"),
        "in toque.toml": settings("[apps.shop.env]\nX = 'y'  # toque: allow plain-secret -- BAD\n"),
    },
}  # fmt: skip
