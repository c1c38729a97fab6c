"""Private repositories, fetched by the node from a forge of its own: SSH keys, tokens, revisions.

All on the site with systemd; the forge is a second sshd there, and git's http-backend over TLS.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from forge import HTTPS_PORT, SSH_PORT, TOKEN, TOP, Forge
from machine_site import Site, until

pytestmark = pytest.mark.parametrize("served_site", ["nspawn"], indirect=True)

KEY = "/etc/toque/apps/thena/deploy_key"
LOCAL = 'repository = "thena.git"'


@pytest.fixture(scope="module")
def made(served_site: Site) -> Forge:
    forge = Forge(served_site)
    forge.make()
    forge.publish("thena", str(served_site.space.work), "HEAD:refs/heads/main")
    return forge


@pytest.fixture
def forge(made: Forge, site: Site) -> Forge:
    """The forge, with the app's repository there."""
    site.edit(LOCAL, f'repository = "{made.url()}"')
    return made


@pytest.fixture
def trusted(forge: Forge, site: Site) -> Forge:
    """A forge whose key is known, and that lets the app's key in."""
    site.ok("hostkey", "add", f"{forge.host}:{SSH_PORT}", "--fingerprint", forge.fingerprint)
    (key,) = site.json("deploykey", "create", "thena")["keys"]
    forge.let_in(key["public"])
    return forge


def checked(site: Site, *more: str) -> tuple[int, list[dict[str, object]]]:
    """The exit status of ``toque repo check``, and its stages."""
    done = site.toque("repo", "check", "thena", "--json", *more)
    told = json.loads(done.stdout.splitlines()[-1])
    return done.returncode, told["nodes"][0]["stages"]


def only_stage(site: Site, *more: str) -> tuple[int, str]:
    """The status and the stage that failed; all before it were good."""
    status, stages = checked(site, *more)
    assert all(stage["good"] for stage in stages[:-1]), stages
    return status, "" if stages[-1]["good"] else str(stages[-1]["stage"])


@pytest.mark.requirement("R38", "R39", "R40", "R41", "R43")
def test_a_private_repository_from_nothing_to_served(forge: Forge, site: Site):
    before = site.release
    site.run(["rm", "-f", KEY])
    known = site.space.directory / ".toque" / "forge_hosts"
    known.unlink(missing_ok=True)
    forge.let_in()

    status, error = site.try_deploy("main")  # no key

    assert (status, error["code"]) == (5, "repository-authentication")
    assert "SSH needs a key even for public repositories" in error["message"]
    assert "deploykey create" in error["hint"]
    assert "https://" in error["hint"]
    assert only_stage(site) == (14, "authentication")

    (key,) = site.json("deploykey", "create", "thena")["keys"]
    assert key["public"].startswith("ssh-ed25519 ")
    assert key["public"].endswith(" thena@web1")
    assert site.stat(KEY) == ("thena-deploy", "root", "600")
    assert site.json("deploykey", "show", "thena")["keys"][0]["public"] == key["public"]

    status, stages = checked(site)  # an unknown host
    assert (status, stages[-1]["stage"]) == (13, "host key")
    assert forge.fingerprint in json.dumps(stages[-1])
    status, error = site.try_deploy("main")
    assert error["code"] == "repository-host-key"
    assert forge.fingerprint in "\n".join(error["log"])
    wrong = site.toque("hostkey", "add", f"{forge.host}:{SSH_PORT}", "--fingerprint", "SHA256:x")
    assert wrong.returncode == 2
    assert "fingerprint-differs" in wrong.stderr
    assert not known.exists()
    site.ok("hostkey", "add", f"{forge.host}:{SSH_PORT}", "--fingerprint", forge.fingerprint)
    assert forge.fingerprint in site.ok("hostkey", "show", f"{forge.host}:{SSH_PORT}")

    assert only_stage(site) == (14, "authentication")  # not pasted yet
    forge.let_in(key["public"])
    assert only_stage(site) == (0, "")
    assert only_stage(site, "--ref", "no-such-branch") == (16, "revision")
    good = site.project.read_text()
    for old, new, expected in (
        ("/thena.git", "/nowhere.git", (15, "repository")),
        (f":{SSH_PORT}/", ":2299/", (12, "port")),
        (f"@{forge.host}:", "@forge.invalid:", (11, "name")),
    ):
        site.project.write_text(good.replace(old, new))
        assert only_stage(site) == expected
    site.project.write_text(good)
    assert site.release == before

    site.deploy("main")
    assert site.served() == site.head
    loose = "grep -rasiE 'StrictHostKeyChecking[= ]*(no|off|accept-new)' "
    places = "/etc/toque /etc/ssh /root/.ssh /srv/www/thena/repo.git/config /etc/systemd/system"
    assert site.out("sh", "-c", f"{loose} {places}; :") == ""
    here = f"{site.space.directory}/toque.toml {site.space.directory}/.toque"
    made = subprocess.run(["sh", "-c", f"{loose} {here}"], capture_output=True, text=True)
    assert (made.returncode, made.stdout) == (1, "")
    assert site.out("sh", "-c", "ls /root/.ssh/id_* 2>/dev/null; :") == ""  # root has none
    argv = ["find", "/etc/toque", "/srv/www", "-name", "*key*", "-perm", "/077", "-type", "f"]
    argv += ["-not", "-path", "*/venvs/*", "-not", "-path", "*/releases/*"]
    loose = site.out(*argv)
    assert loose == ""
    for user in ("thena", "www-data", "nobody"):
        assert site.run(["cat", KEY], user, check=False).returncode != 0


@pytest.mark.requirement("R38", "R40", "R41")
def test_what_goes_bad_later_is_named_and_the_old_release_serves(
    trusted: Forge, site: Site, tmp_path: Path
):
    site.deploy("main")
    before = site.release
    old = (site.out("sha256sum", KEY), trusted.fingerprint)
    site.commit({"CHANGES": "behind a bad key\n"})
    trusted.publish("thena", str(site.space.work), "HEAD:refs/heads/main")

    for spoil in (["chmod", "644", KEY], ["chown", "nobody", KEY]):
        site.run(spoil)
        status, error = site.try_deploy("main")
        assert (status, error["code"]) == (5, "deploy-key-unusable")
        assert ("644" if "chmod" in spoil else "nobody") in error["found"]
        assert only_stage(site) == (14, "authentication")
        site.ok("deploykey", "create", "thena")
        assert site.stat(KEY) == ("thena-deploy", "root", "600")
    assert site.out("sha256sum", KEY) == old[0]  # put right, and kept

    trusted.let_in()  # revoked
    status, error = site.try_deploy("main")
    assert (status, error["code"]) == (5, "repository-authentication")

    # Nobody's agent is asked for another: the person's own key would be let in.
    mine = tmp_path / "mine"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(mine)], check=True)
    trusted.let_in((tmp_path / "mine.pub").read_text().strip())
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(tmp_path / "agent")])
    try:
        until((tmp_path / "agent").exists)
        environ = {"SSH_AUTH_SOCK": str(tmp_path / "agent")}
        subprocess.run(["ssh-add", "-q", str(mine)], check=True, env={**os.environ, **environ})
        done = site.toque("deploy", "thena", "--ref", "main", "--json", environ=environ)
    finally:
        agent.terminate()
        agent.wait()
    assert json.loads(done.stdout.splitlines()[-1])["error"]["code"] == "repository-authentication"
    trusted.new_host_key()
    status, error = site.try_deploy("main")
    assert (status, error["code"]) == (5, "repository-host-key")
    assert trusted.fingerprint != old[1]
    assert only_stage(site) == (13, "host key")
    assert (site.release, site.answers()) == (before, True)


@pytest.mark.requirement("R41")
def test_a_key_is_rotated_and_one_given_is_repaired(trusted: Forge, site: Site, tmp_path: Path):
    old = site.json("deploykey", "show", "thena")["keys"][0]

    (first,) = site.json("deploykey", "rotate", "thena")["keys"]
    assert first["waiting"]
    assert only_stage(site) == (0, "")  # by the old one
    (again,) = site.json("deploykey", "rotate", "thena")["keys"]
    assert (again["waiting"], again["public"]) == (True, first["public"])
    trusted.let_in(old["public"], first["public"])
    (done,) = site.json("deploykey", "rotate", "thena")["keys"]
    assert (done["waiting"], done["old_fingerprint"]) == (False, old["fingerprint"])
    trusted.let_in(first["public"])
    assert only_stage(site) == (0, "")
    assert site.run(["test", "-e", f"{KEY}.next"], check=False).returncode != 0

    file = tmp_path / "given"
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "mine", "-f", str(file)]
    subprocess.run(argv, check=True)
    trusted.let_in((tmp_path / "given.pub").read_text().strip())
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n").rstrip())
    file.chmod(0o644)
    said = site.ok("deploykey", "create", "thena", "--from", str(file))
    for words in ("CRLF", "no line end after its last line", "mode 0644"):
        assert words in said
    assert only_stage(site) == (0, "")


@pytest.mark.requirement("R42")
def test_branches_tags_ids_forced_pushes_and_submodules(trusted: Forge, site: Site, tmp_path: Path):
    work = str(site.space.work)
    first = site.commit({"CHANGES": "first\n"})
    site.space.git("tag", "-f", "-a", "v1", "-m", "one")
    second = site.commit({"CHANGES": "second\n"})
    trusted.publish(
        "thena", work, "HEAD:refs/heads/main", "v1:refs/tags/v1", "HEAD:refs/heads/feature/x"
    )
    site.deploy("v1")  # an annotated tag
    assert site.served() == first
    site.deploy("feature/x")
    assert site.served() == second
    site.deploy(first)  # a full id
    assert site.served() == first
    site.space.git("reset", "-q", "--hard", first)
    forced = site.commit({"CHANGES": "another second\n"})
    trusted.publish("thena", work, "HEAD:refs/heads/main")
    site.deploy("main")
    assert site.served() == forced

    lib = tmp_path / "lib"
    who = ["-c", "user.name=Lib", "-c", "user.email=lib@example.invalid"]
    subprocess.run(["git", "init", "-q", "--initial-branch=main", str(lib)], check=True)
    (lib / "inside.txt").write_text("of a submodule\n")
    for argv in (["add", "--all"], [*who, "commit", "-q", "-m", "lib"]):
        subprocess.run(["git", "-C", str(lib), *argv], check=True)
    oid = subprocess.run(
        ["git", "-C", str(lib), "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.strip()
    trusted.publish("lib", str(lib), "HEAD:refs/heads/main")
    site.space.git("update-index", "--add", "--cacheinfo", f"160000,{oid},vendor/lib")
    site.space.work.joinpath(".gitmodules").write_text(
        '[submodule "lib"]\n\tpath = vendor/lib\n\turl = ../lib.git\n'
    )
    site.space.git("add", ".gitmodules")
    site.space.git("commit", "-q", "-m", "with a submodule")
    trusted.publish("thena", work, "HEAD:refs/heads/main")
    site.edit('branch = "main"', 'branch = "main"\nsubmodules = true')
    status, stages = checked(site)
    assert (status, stages[-1]["stage"]) == (0, "submodules")
    assert trusted.url("lib") in str(stages[-1]["said"])
    site.deploy("main")
    assert site.out("cat", "/srv/www/thena/current/vendor/lib/inside.txt") == "of a submodule"
    assert site.stat("/srv/www/thena/current/vendor/lib/inside.txt")[0] == "thena-deploy"


@pytest.mark.requirement("R38", "R43")
def test_https_with_a_token_that_stands_nowhere_else(made: Forge, site: Site):
    site.edit(LOCAL, f'repository = "{made.https()}"')
    commit = site.commit({"CHANGES": "by https\n"})
    made.publish("thena", str(site.space.work), "HEAD:refs/heads/main")

    def give(token: str) -> None:
        argv = [sys.executable, "-m", "toque", "repo", "token", "thena"]
        at, env = site.space.directory, dict(site.environ)
        done = subprocess.run(argv, cwd=at, env=env, input=token, text=True, capture_output=True)
        assert done.returncode == 0, done.stderr

    site.ok("repo", "token", "thena", "--forget")
    assert only_stage(site) == (14, "authentication")
    give("of-somebody-else")
    assert only_stage(site) == (14, "authentication")
    give(TOKEN)
    assert only_stage(site) == (0, "")

    said = site.ok("deploy", "thena", "--ref", "main", "-v")

    assert site.served() == commit
    assert TOKEN not in said
    left = site.run(
        ["grep", "-rlsa", TOKEN, "/etc", "/srv/www", "/var/lib/toque", "/var/log", "/run", "/tmp"],
        check=False,
    ).stdout.split()
    assert left == []
    assert f"{HTTPS_PORT}" not in site.out("cat", "/srv/www/thena/repo.git/config")
    assert made.sh(f"ls {TOP}/thena.git/HEAD")
