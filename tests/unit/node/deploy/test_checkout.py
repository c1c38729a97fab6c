import json
import os
import stat
from pathlib import Path

import pytest

from toque.node.errors import StepFailed
from toque.node.resource import Invalid
from toque.node.resources.checkout import Checkout

EXISTS = frozenset({"exists", "commit"})
FILES = {"wsgi.py": "app = 1\n", "requirements.txt": "", "docs/a.txt": "a\n"}


@pytest.fixture
def checkout(system, ids):
    def make(commit, **options):
        release = options.pop("release_id", f"{commit[:12]}-abcdef")
        return Checkout(
            path=f"{system.top}/srv/www/shop/releases/{release}",
            app="shop",
            release_id=release,
            mirror=f"{system.top}/srv/www/shop/repo.git",
            commit=commit,
            venv="../../../venvs/KEY",
            socket=f"/run/shop-{release}/app.sock",
            **{**ids, **options},
        )

    return make


def fixed(system, resource):
    resource.validate()
    assert resource.found(system) != resource.wanted()
    resource.fix(system, EXISTS)
    assert resource.found(system) == resource.wanted()
    return Path(resource.path)


def failure(system, resource):
    with pytest.raises(StepFailed) as caught:
        resource.fix(system, EXISTS)
    assert resource.found(system) is None
    return caught.value


def leftovers(system):
    app = Path(system.top, "srv/www/shop")
    return [p.name for p in [*app.iterdir(), *(app / "releases").iterdir()] if p.name[0] == "."]


def test_a_bundle_becomes_a_complete_release(system, repository, sent, checkout):
    commit = repository.commit(FILES)

    release = fixed(system, checkout(commit, bundle=sent(repository), manifest={"server": "uwsgi"}))

    assert {p: (release / p).read_text() for p in FILES} == FILES
    described = json.loads((release / ".toque/release.json").read_text())
    assert described["commit"] == commit
    assert described["server"] == "uwsgi"
    assert described["created"].endswith("+00:00")
    assert os.readlink(release / ".toque/venv") == "../../../venvs/KEY"
    assert os.readlink(release / ".toque/app.sock") == f"/run/shop-{release.name}/app.sock"
    assert leftovers(system) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files to other users")
def test_only_the_deploy_user_may_change_a_release(system, repository, sent, checkout, ids):
    (repository.path / "run.sh").write_text("#!/bin/sh\n")
    (repository.path / "run.sh").chmod(0o755)
    commit = repository.commit(FILES)

    release = fixed(system, checkout(commit, bundle=sent(repository)))

    for path in [release, *release.rglob("*")]:
        if path.is_symlink():
            continue
        assert (path.owner(), path.group()) == (ids["user"], ids["group"]), path
        mode = stat.S_IMODE(path.lstat().st_mode) & 0o777
        executable = path.is_dir() or path.name == "run.sh"
        assert mode == (0o750 if executable else 0o640), path
    mirror = Path(system.top, "srv/www/shop/repo.git")
    assert stat.S_IMODE(mirror.lstat().st_mode) == 0o700
    assert {p.owner() for p in mirror.rglob("*")} == {ids["user"]}


def test_the_next_bundle_holds_only_what_is_new(system, repository, sent, checkout):
    first = repository.commit(FILES)
    fixed(system, checkout(first, bundle=sent(repository)))
    second = repository.commit({"wsgi.py": "app = 2\n"})

    release = fixed(system, checkout(second, bundle=sent(repository, f"{first}..main")))

    assert (release / "wsgi.py").read_text() == "app = 2\n"
    assert (release / "docs/a.txt").read_text() == "a\n"


def test_a_bundle_whose_base_is_not_here_is_incomplete(system, repository, sent, checkout):
    first = repository.commit(FILES)
    second = repository.commit({"wsgi.py": "app = 2\n"})

    error = failure(system, checkout(second, bundle=sent(repository, f"{first}..main")))

    assert error.code == "bundle-incomplete"
    assert leftovers(system) == []


def test_bytes_that_are_no_bundle_are_damaged(system, repository, stored, checkout):
    commit = repository.commit(FILES)

    error = failure(system, checkout(commit, bundle=stored(b"not a bundle\n")))

    assert error.code == "bundle-damaged"


def test_a_commit_that_was_not_sent_is_missing(system, repository, sent, checkout):
    repository.commit(FILES)
    bundle = sent(repository)
    later = repository.commit({"wsgi.py": "app = 2\n"})

    error = failure(system, checkout(later, bundle=bundle))

    assert error.code == "commit-missing"
    assert later in error.expected


def test_a_release_whose_name_cannot_be_kept_says_why(system, repository, sent, checkout):
    """Not that its commit is missing, which it is not."""
    commit = repository.commit(FILES)
    fixed(system, checkout(commit, bundle=sent(repository)))
    refs = Path(system.top, "srv/www/shop/repo.git/refs/toque")
    (refs / "000000000000-000000").mkdir()
    (refs / "000000000000-000000/in-the-way").write_text(f"{commit}\n")

    error = failure(system, checkout(commit, release_id="000000000000-000000"))

    assert error.code == "command-failed"
    assert "000000000000-000000" in "\n".join(error.log)


def test_a_kept_commit_needs_neither_bundle_nor_network(system, repository, sent, checkout):
    commit = repository.commit(FILES)
    fixed(system, checkout(commit, bundle=sent(repository)))

    release = fixed(system, checkout(commit, release_id="000000000000-000000"))

    assert (release / "wsgi.py").read_text() == "app = 1\n"


def test_what_a_killed_run_left_is_removed(system, repository, sent, checkout):
    commit = repository.commit(FILES)
    wanted = checkout(commit, bundle=sent(repository))
    app = Path(system.top, "srv/www/shop")
    for partial in (f".{wanted.release_id}.partial", ".111111111111-222222.partial"):
        (app / "releases" / partial).mkdir()
        (app / "releases" / partial / "half").write_text("half")
    (app / ".bundle-111111111111-222222").write_text("half")

    release = fixed(system, wanted)

    assert not (release / "half").exists()
    assert leftovers(system) == []


def test_locks_of_a_killed_git_are_not_in_the_way(system, repository, sent, checkout):
    first = repository.commit(FILES)
    fixed(system, checkout(first, bundle=sent(repository)))
    second = repository.commit({"wsgi.py": "app = 2\n"})
    wanted = checkout(second, bundle=sent(repository, f"{first}..main"))
    mirror = Path(system.top, "srv/www/shop/repo.git")
    for lock in ("toque-index.lock", f"refs/toque/{wanted.release_id}.lock"):
        (mirror / lock).write_text("half")

    assert (fixed(system, wanted) / "wsgi.py").read_text() == "app = 2\n"


def test_a_name_that_a_power_cut_left_empty_is_not_in_the_way(system, repository, sent, checkout):
    first = repository.commit(FILES)
    fixed(system, checkout(first, bundle=sent(repository)))
    (name,) = Path(system.top, "srv/www/shop/repo.git/refs/toque").iterdir()
    name.write_bytes(b"")
    second = repository.commit({"wsgi.py": "app = 2\n"})

    release = fixed(system, checkout(second, bundle=sent(repository)))

    assert (release / "wsgi.py").read_text() == "app = 2\n"


def test_a_mirror_that_a_power_cut_left_hollow_is_made_again(system, repository, sent, checkout):
    first = repository.commit(FILES)
    wanted = checkout(first, bundle=sent(repository))
    mirror = Path(system.top, "srv/www/shop/repo.git")
    mirror.mkdir(exist_ok=True)
    for name in ("HEAD", "config"):
        (mirror / name).write_bytes(b"")

    assert (fixed(system, wanted) / "wsgi.py").read_text() == "app = 1\n"


def test_a_kill_just_before_the_rename_leaves_no_release(
    system, repository, sent, checkout, monkeypatch
):
    commit = repository.commit(FILES)
    wanted = checkout(commit, bundle=sent(repository))

    class Killed(BaseException):
        pass

    def killed(old, new):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(system, "rename", killed)
        with pytest.raises(Killed):
            wanted.fix(system, EXISTS)

    assert wanted.found(system) is None
    fixed(system, wanted)


def test_a_repository_may_not_bring_its_own_toque_directory(system, repository, sent, checkout):
    commit = repository.commit({**FILES, ".toque/release.json": "{}"})

    error = failure(system, checkout(commit, bundle=sent(repository)))

    assert error.code == "reserved-name"


def test_the_apps_directory_must_be_in_the_commit(system, repository, sent, checkout):
    commit = repository.commit({"shop/wsgi.py": "", "other/a": ""})

    error = failure(system, checkout(commit, bundle=sent(repository), root="web"))

    assert error.code == "app-root-missing"
    assert error.found == "directories: other, shop"


def test_a_directory_of_the_repository_can_be_the_app(system, repository, sent, checkout):
    commit = repository.commit({"shop/wsgi.py": "", "other/a": ""})

    release = fixed(system, checkout(commit, bundle=sent(repository), root="shop"))

    assert (release / "shop/wsgi.py").exists()


def test_links_out_of_the_release_and_submodules_are_noted(system, repository, sent, checkout):
    os.symlink("wsgi.py", repository.path / "inside")
    os.symlink("../../etc/passwd", repository.path / "outside")
    commit = repository.commit(FILES)
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{commit},vendored")
    repository.git("commit", "--quiet", "-m", "module")
    commit = repository.git("rev-parse", "HEAD")

    release = fixed(system, checkout(commit, bundle=sent(repository)))

    assert os.readlink(release / "inside") == "wsgi.py"
    notes = "\n".join(system.taken_notes())
    assert "outside points out of the release" in notes
    assert "inside" not in notes
    assert "submodules are not fetched: vendored" in notes


def test_nothing_in_a_repository_or_mirror_is_run(system, repository, sent, checkout, tmp_path):
    """Hooks, filters and monitors are programs that a repository's owner chooses."""
    ran = Path(system.top, "ran")
    Path(system.top).chmod(0o777)
    first = repository.commit(FILES)
    fixed(system, checkout(first, bundle=sent(repository)))
    mirror = Path(system.top, "srv/www/shop/repo.git")
    (mirror / "hooks").mkdir(exist_ok=True)
    for name in ("post-checkout", "reference-transaction", "post-index-change"):
        (mirror / "hooks" / name).write_text(f"#!/bin/sh\ntouch {ran}\n")
        (mirror / "hooks" / name).chmod(0o755)
    with (mirror / "config").open("a") as config:
        config.write(f'[core]\n\tfsmonitor = "touch {ran}"\n')
    second = repository.commit({".gitattributes": "* filter=evil ident\n", "wsgi.py": "$Id$\n"})

    release = fixed(system, checkout(second, bundle=sent(repository, f"{first}..main")))

    assert (release / "wsgi.py").exists()
    assert not ran.exists()


def test_ssh_without_a_key_gets_advice(system, repository, checkout):
    """R39"""
    commit = repository.commit(FILES)

    error = failure(system, checkout(commit, url="git@github.com:me/shop.git"))

    assert error.code == "repository-authentication"
    assert error.message == "SSH needs a key even for public repositories"
    assert "https://github.com/me/shop.git" in error.hint


def test_a_server_that_is_not_there_is_unreachable(system, repository, checkout):
    commit = repository.commit(FILES)

    error = failure(system, checkout(commit, url="https://127.0.0.1:9/me/shop.git"))

    assert error.code == "repository-unreachable"
    assert "127.0.0.1" in error.found


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("commit", "main"),
        ("url", "ext::sh -c touch% /tmp/x"),
        ("url", "file:///etc"),
        ("url", "/srv/git/shop"),
        ("url", "http://example.org/shop.git"),
        ("url", "https://me:secret@example.org/shop.git"),
        ("url", "-oProxyCommand=x:y"),
        ("url", "ssh://-oProxyCommand=x/y"),
        ("root", "../other"),
        ("root", "/etc"),
        ("refs", "main"),
        ("refs", "refs/heads/-x y"),
    ],
)
def test_what_can_never_be_right_is_refused_early(checkout, field, value):
    with pytest.raises(Invalid):
        checkout(**{"commit": "a" * 40, "release_id": "x", field: value}).validate()
