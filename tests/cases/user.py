"""Users on a real machine."""

import os
import subprocess

from toque_node.resources.user import User

NOT = {}
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB6o7S+Cl71bp+D0WVpaXWFOQc9EAMhhof/CwNZrtCtF"
HASH = "$6$saltsalt$1k0RMlQEv5KkWVtRoNm6ul3KHoA2BvTqFwsSTrHsgTsVNNMAdhRWFeTf6cTDoOJkCLSzIZjhz8F7"


def present(node):
    node.run("groupadd", "case-extra")
    node.makes(
        User(
            "case-user",
            uid=4321,
            home="/srv/case-user",
            make_home=True,
            shell="/bin/sh",
            comment="A case",
            groups=("case-extra",),
        )
    )
    assert node.out("getent", "passwd", "case-user").endswith(
        ":4321:4321:A case:/srv/case-user:/bin/sh"
    )
    assert node.out("id", "-nG", "case-user") == "case-user case-extra"


def changed(node):
    node.run("groupadd", "case-other")
    node.run("useradd", "case-changed")
    node.run("gpasswd", "-a", "case-changed", "case-other")
    node.makes(User("case-changed", shell="/bin/sh", groups=(), append=False, uid=4444))
    assert node.out("id", "-nG", "case-changed") == "case-changed"
    assert node.out("id", "-u", "case-changed") == "4444"


def absent(node):
    node.run("useradd", "--create-home", "case-gone")
    node.makes(User("case-gone", absent=True))
    assert node.run("getent", "passwd", "case-gone", check=False).returncode == 2
    assert os.path.isdir("/home/case-gone")


def unmanaged(node):
    node.run("useradd", "--shell", "/bin/dash", "--comment", "by hand", "case-left")
    before = node.out("getent", "passwd", "case-left"), node.out("getent", "shadow", "case-left")
    node.leaves(User("case-left"))
    after = node.out("getent", "passwd", "case-left"), node.out("getent", "shadow", "case-left")
    assert after == before


def sensitive(node):
    secret = node.secret(HASH)
    node.makes(User("case-secret", password_hash=secret))
    assert node.out("getent", "shadow", "case-secret").split(":")[1] == HASH
    assert node.out("passwd", "--status", "case-secret").split()[1] == "P"
    node.makes(User("case-secret", password_hash=secret, locked=True))
    assert node.out("passwd", "--status", "case-secret").split()[1] == "L"
    node.makes(User("case-secret", locked=False))
    assert node.out("getent", "shadow", "case-secret").split(":")[1] == HASH


def absent_tool(node):
    with node.without("useradd"):
        node.refuses(User("case-late"), "program-missing")
    assert node.run("getent", "passwd", "case-late", check=False).returncode == 2


def authorized_keys(node):
    path = "/home/case-keys/.ssh/authorized_keys"
    node.makes(User("case-keys", make_home=True, authorized_keys=(KEY + " laptop",)))
    assert "SHA256:" in node.out("ssh-keygen", "-lf", path)
    assert node.out("stat", "-c", "%U:%G %a", path) == "case-keys:case-keys 600"
    assert node.out("stat", "-c", "%U:%G %a", os.path.dirname(path)) == "case-keys:case-keys 700"
    with open(path, "a") as file:
        file.write('from="*" ' + KEY + "\n")
    node.makes(User("case-keys", authorized_keys=(KEY + " desk",)))
    assert node.read(path).decode() == KEY + " desk\n"
    node.makes(User("case-keys", authorized_keys=()))
    assert node.read(path) == b""


def keys_behind_a_planted_link(node):
    node.run("useradd", "--create-home", "case-evil")
    node.put("/srv/of-root/authorized_keys", b"root's own\n", 0o600)
    for planted in (".ssh", ".ssh/authorized_keys"):
        if "/" in planted:
            os.unlink("/home/case-evil/.ssh")
            node.run("mkdir", "/home/case-evil/.ssh", user="case-evil")
        target = "/srv/of-root" + ("/authorized_keys" if "/" in planted else "")
        node.run("ln", "-s", target, "/home/case-evil/" + planted, user="case-evil")
        outcome = node.walk(User("case-evil", authorized_keys=(KEY,)))
        assert outcome.status.value == "failed", outcome
        assert outcome.trouble["code"] in ("unsafe-path", "wrong-kind"), outcome.trouble
        assert os.listdir("/srv/of-root") == ["authorized_keys"]
        assert node.read("/srv/of-root/authorized_keys") == b"root's own\n"


def home_of_root(node):
    node.put("/srv/of-roots/nothing")
    node.run("useradd", "--no-create-home", "--home-dir", "/srv/of-roots", "case-guest")
    node.makes(User("case-guest", authorized_keys=(KEY,)))
    owner = node.out("stat", "-c", "%U", "/srv/of-roots/.ssh/authorized_keys")
    assert owner == "case-guest"


def no_home(node):
    node.run("useradd", "--no-create-home", "case-homeless")
    node.refuses(User("case-homeless", authorized_keys=(KEY,)), "home-missing")


def with_processes(node):
    node.run("useradd", "case-busy")
    sleeper = subprocess.Popen(["setpriv", "--reuid=case-busy", "--clear-groups", "sleep", "600"])
    try:
        while node.run("pgrep", "-u", "case-busy", check=False).returncode != 0:
            assert sleeper.poll() is None
        trouble = node.refuses(User("case-busy", absent=True), "user-has-processes")
        assert f"{sleeper.pid} (sleep 600)" in trouble["found"], trouble
        node.refuses(User("case-busy", uid=4567), "user-has-processes")
        assert node.run("getent", "passwd", "case-busy").stdout
    finally:
        sleeper.kill()
        sleeper.wait()
    node.makes(User("case-busy", absent=True))
