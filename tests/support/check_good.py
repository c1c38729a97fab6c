"""Projects in which ``toque check`` has to find nothing, by the code that it could mistake."""

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
    TOML,
    Case,
    beside,
    command,
    more,
    recipe,
    settings,
    template,
    whole,
)

GOOD: Mapping[str, Mapping[str, Case]] = {
    "import-broken": {
        "of its own": whole(
            f"from .parts import one  # a name\n{HEAD}    one()\n{FOOT}",
            {"books/web/parts.py": "from os import path\n\ndef one(): return path\n"},
        ),
        "one that may fail": recipe("try:\n    import nowhere_at_all\nexcept ImportError: pass\n"),
        "for types": whole(
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import nowhere_at_all\n"
            + HEAD + FOOT
        ),
        "of another cookbook": Case({"books/db/__init__.py": (
            "from toque import Cookbook, Recipe\nfrom web import Web\n"
            "def setup(r: Recipe) -> None: r.attributes(Web)\n"
            'cookbook = Cookbook("db", events={"setup": setup})\n')}),
        "of the library": recipe("from toque.library import nginx\nr.include(nginx.setup)\n"),
    },
    "recipe-broken": {
        "leaves a release out": recipe("""
            from toque.errors import BadCookbook
            if r.facts.codename == "bullseye":
                raise BadCookbook("too-old", "this needs Debian 12")
        """),
        "of a deploy": whole(HEAD + "\ndef deploy(r: Recipe):\n    r.add(Log(r.release.id))\n"
                             + FOOT.replace("setup}", 'setup, "deploy": deploy}')),
        "with an app": recipe('for app in r.apps: r.add(Directory(app.home))\n'),
    },
    "template-broken": {
        "all passed": template("{{ a.size }} {% for n in a.names %}{{ n }}{% endfor %}\n"),
        "asks first": template("{% if b is defined %}{{ b }}{% endif %}{{ a.size }}\n"),
        "its own names": template("{% set b = a.size %}{{ b }} {{ range(2) | list }}\n"),
        "by keywords": template("{{ size }}\n", 'r.render("x.j2", **{"size": a.size})'),
    },
    "unknown-attribute": {
        "a property": recipe('for app in r.apps: print(app.user, app.host)\n'),
        "of two kinds": recipe("""
            for one in (a, *r.apps):
                print(getattr(one, "size", 0), one.__class__)
            b = a
            b = r.apps[0]
            print(b.name)
        """),
        "by a template's own name": template("{% for a in a.names %}{{ a.sise }}{% endfor %}\n"),
        "of an inherited class": whole(
            HEAD.replace("class Web:", "class Web(Base):").replace(
                "class Tls:",
                "class Base:\n    colour: str = 'x'\n\n@dataclass(frozen=True)\nclass Tls:")
            + "    print(a.colour)\n" + FOOT
        ),
        "in a table of toque.toml": settings("[stack.attributes.web.tls]\nport = 1\n"),
    },
    "unused-attribute": {
        "in a template": Case({
            INIT: HEAD.replace("size: int = 5", "size: int = 5\n    more: int = 1")
            + '    r.add(File("/etc/x", content=r.render("x.j2", a=a)))\n' + FOOT,
            "books/web/templates/x.j2": "{{ a.more }}\n"}),
        "by its own property": more(
            "more: int = 1\n    @property\n    def most(self) -> int: return self.more",
            "print(a.most)\n"),
        "as a whole": more("more: int = 1", "from dataclasses import asdict\nprint(asdict(a))\n"),
        "of who knows what": more("more: int = 1", "print((lambda x: x.more)(a))\n"),
    },
    "unused-file": {
        "a template": template("{{ a.size }}\n"),
        "taken in": Case({**template('{% include "y.j2" %}\n').files,
                          "books/web/templates/y.j2": "{{ a.size }}\n"}),
        "a pattern": recipe('for n in ("a", "b"): r.file(f"{n}.txt")\n',
                            {"books/web/files/a.txt": "", "books/web/files/b.txt": ""}),
        "a tree": recipe('r.add(Tree("/srv/pages", *r.tree("pages")))\n',
                         {"books/web/files/pages/a/b.html": "x"}),
    },
    "private-key": {
        "public": beside("k.pub", f"{BEGIN}PUBLIC KEY{END}{BODY}\n"),
        "a pattern": beside("look.py", 'KEY = "-----BEGIN [A-Z ]*PRIVATE KEY-----"\n'),
        "an example": beside("README.md", f"{BEGIN}PRIVATE KEY{END}...\n-----END KEY-----\n"),
        "harmless": Case({"toque.toml": TOML.replace(
                              "[apps.shop.s", 'harmless_keys = ["tests/key"]\n[apps.shop.s'),
                          "tests/key": f"{BEGIN}PRIVATE KEY{END}{BODY}\n"}),
    },
    "access-token": {
        "a placeholder": beside("README.md", f"export TOKEN=ghp_{'x' * 36}\n"),
        "an example of AWS": beside("conf.ini", "id = AKIA" + "IOSFODNN7EXAMPLE\n"),
        "words": beside("names.txt", "npm_install sk-learn xoxb-your-token-goes-in-here\n"),
        "part of a digest": beside("sums.txt", f"{MANY}ghp_{MANY}{MANY}\n"),
    },
    "plain-secret": {
        "a public one": settings("[apps.shop.env]\nTOKEN_LIFETIME = '60'\nMODE = 'x'\n"),
        "a sample": beside(".env.example", "SECRET_KEY=abcdef\n"),
        "to be filled in": beside(".env", "SECRET_KEY=\nPASSWORD=<yours>\nTOKEN=$CI_TOKEN\n"),
        "a path": beside("web.env", "PRIVATE_KEY=/run/keys/web\n"),
    },
    "secret-readable": {
        "for its owner": recipe('r.add(File("/etc/s", r.secret("shop/SECRET_KEY"), mode=0o600))\n'),
        "for a group": recipe("""
            text = r.env_file("shop", {"A": r.secret("shop/SECRET_KEY")})
            r.add(File("/etc/s", content=text, mode=0o640))
        """),
        "no secret": recipe('r.add(File("/etc/s", content="x", mode=0o644))\n'),
        "a line": recipe("""
            r.add(File("/etc/s", content="# ours", create_only=True, mode=0o600))
            r.add(Line("/etc/s", line=r.secret("shop/SECRET_KEY"), match="^s"))
        """),
    },
    "secret-revealed": {
        "as it is": recipe('r.add(File("/etc/s", r.secret("shop/SECRET_KEY"), mode=0o600))\n'),
        "joined": recipe("""
            text = r.env_file("s", r.environment(r.apps[0]))
            r.add(File("/etc/s", content=text, mode=0o600))
        """),
        "on standard input": recipe("""
            r.add(Command(("login",), stdin=r.secret("shop/SECRET_KEY"), once="login"))
        """),
    },
    "restart-unasked": {
        "a notification": recipe("""
            r.add(File("/etc/x", content="x"), notify=Service("x").restart)
            r.add(Service("x"))
        """),
        "a command that is notified": recipe(f"""
            again = Command({RESTART}, only_notified=True)
            r.add(File("/etc/x", content="x"), notify=again.run)
            r.add(again)
        """),
        "where it is needed": command(f'{RESTART}, unless=("curl", "-f", "localhost")'),
        "a start": command('("systemctl", "start", "x"), creates="/run/x"'),
    },
    "command-unguarded": {
        "creates": command('("touch", "/x"), creates="/x"'),
        "unless": command('("x",), unless=("y",)'),
        "in a plan alone": command('("x",), **{"once": "x"}'),
        "once": command('("x",), once="x"'),
    },
    "command-always": {
        "once": command('("x",), once="x"'),
        "allowed": recipe("""
            r.add(Command(("x",), always=True))  # toque: allow command-always -- it asks
        """),
        "only_if": command('("x",), only_if=("y",)'),
    },
    "shell-string": {
        "no shell": command('("ls", "-c", "x y"), once="x"'),
        "a script": command('("sh", "/opt/x.sh", "-c", "y"), once="x"'),
        "allowed": recipe("""
            # toque: allow shell-string -- there is no other way to count
            r.add(
                Command(("sh", "-c", "ls | wc -l > /x"), creates="/x"),
            )
        """),
        "a wrapper": command('("sudo", "-u", "sh", "-n", "ls", "-c"), once="x"'),
    },
    "shell-value": {
        "as an argument": recipe("""
            # toque: allow shell-string -- a redirection
            r.add(Command(("sh", "-c", 'echo "$1" > /x', "sh", str(a.size)), creates="/x"))
        """),
        "quoted": recipe("""
            from shlex import quote
            # toque: allow shell-string -- a redirection
            r.add(Command(("sh", "-c", f"echo {quote(r.node)} > /x"), creates="/x"))
        """),
        "no shell": command('("echo", f"{a.size}"), once="x"'),
    },
    "allowance-wrong": {
        "with a reason": recipe("""
            r.add(Command(("x",), always=True))  # toque: allow command-always -- it asks
        """),
        "in a text": recipe('r.add(Log("# toque: allow nothing"))\n'),
        "in prose": beside("README.md", "`# toque: allow CODE -- WHY`.\n# toque: allow x\n"),
    },
    "allowance-unused": {
        "used": recipe("""
            # toque: allow command-always -- it only asks
            r.add(Command(("x",), always=True))
        """),
        "two": recipe("""
            # toque: allow command-always -- it only asks
            # toque: allow shell-string -- with a pipe
            r.add(Command(("sh", "-c", "x | y"), always=True))
        """),
        "in toque.toml": settings(
            "[apps.shop.env]\nAPI_KEY = 'y'  # toque: allow plain-secret -- of the test account\n"),
    },
}  # fmt: skip
