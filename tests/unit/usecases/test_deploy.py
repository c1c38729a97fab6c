"""Which release a rollback goes back to, and what is missing before a deploy begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from toque.errors import Failed
from toque.fleet.app import App
from toque.usecases import goback
from toque.usecases.lifecycle import delivery_of

APP = App("thena", "/repo", "web")


def kept(name: str, at: str = "", *, current: bool = False, commit: str = "") -> dict[str, Any]:
    return {"id": name, "commit": commit or name * 8, "deployed_at": at, "current": current}


A, B, C = kept("aaaaa", "2026-01-01"), kept("bbbbb", "2026-01-02"), kept("ccccc", "2026-01-03")
NOW_C = {**C, "current": True}
NEVER = kept("ddddd")


@pytest.mark.parametrize(
    ("there", "chosen"),
    [
        ([NOW_C, B, A], "bbbbb"),
        ([A, B, NOW_C], "bbbbb"),  # in whatever order they are told
        ([NOW_C, NEVER, A], "aaaaa"),  # one that never served is nothing to go back to
        # A was deployed again.
        ([{**A, "deployed_at": "2026-01-04", "current": True}, B, C], "ccccc"),
        # Somebody went back from C: the next one goes further back.
        ([{**B, "deployed_at": "2026-01-04", "current": True}, A, {**C, "left": True}], "aaaaa"),
        ([B, A], "bbbbb"),  # the current one is gone
        # The node's clock was ahead while B was deployed.
        (
            [{**NOW_C, "turn": 3}, {**B, "turn": 2, "deployed_at": "2027"}, {**A, "turn": 1}],
            "bbbbb",
        ),
    ],
)
def test_rollback_goes_to_what_served_before(
    there: Sequence[Mapping[str, Any]], chosen: str
) -> None:
    assert goback.chosen(there, APP, "")["id"] == chosen


@pytest.mark.parametrize(
    "there",
    [
        [],
        [NOW_C],
        [NOW_C, NEVER],
        [{**NEVER, "current": True}, NEVER],
        [{**A, "deployed_at": "2026-01-04", "current": True}, {**B, "left": True}],
    ],
)
def test_nothing_to_go_back_to(there: Sequence[Mapping[str, Any]]) -> None:
    with pytest.raises(Failed) as caught:
        goback.chosen(there, APP, "")

    assert caught.value.code == "nothing-to-roll-back"
    assert caught.value.trouble.hint == "toque releases thena"


def test_current_release_without_a_record_does_not_hide_the_others() -> None:
    """Its line in the record was lost; the ones that did serve are still there."""
    there = [{**NEVER, "current": True}, B, A]

    assert goback.chosen(there, APP, "")["id"] == "bbbbb"


@pytest.mark.parametrize("to", ["bbbbb", "bb", "b" * 40, "bbbbbbbb"])
def test_release_is_named_by_the_beginning_of_its_id_or_commit(to: str) -> None:
    there = [NOW_C, {**B, "commit": "b" * 40}, A]

    assert goback.chosen(there, APP, to)["id"] == "bbbbb"


@pytest.mark.parametrize(
    ("to", "word"),
    [("e", "no kept release e"), ("aa", "several releases aa"), ("-x", "no kept release -x")],
)
def test_release_that_is_not_one(to: str, word: str) -> None:
    there = [NOW_C, A, kept("aa777", "2026-01-02")]

    with pytest.raises(Failed) as caught:
        goback.chosen(there, APP, to)

    assert caught.value.code == "release-unknown"
    assert word in caught.value.trouble.message
    assert "aa777" in caught.value.trouble.expected


class Repository:
    """Files of one commit by path; ``prefix`` is the folder of a work tree that was named."""

    prefix = ""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = files

    def resolve(self, ref: str) -> str:
        return "4" * 40

    def read(self, commit: str, path: str) -> bytes | None:
        return self.files.get(path)

    def read_all(self, commit: str, paths: Sequence[str]) -> Mapping[str, bytes | None]:
        return {path: self.read(commit, path) for path in paths}

    def names(self, commit: str, path: str) -> list[str]:
        top = "" if path in ("", ".") else f"{path}/"
        return sorted({f[len(top) :].split("/")[0] for f in self.files if f.startswith(top)})

    def containing(self, commit: str, words: Sequence[str]) -> list[str]:
        return [f for f, data in self.files.items() if any(w.encode() in data for w in words)]

    def subject(self, commit: str) -> str:
        return "a subject"

    def bundle(self, commit: str, target: Path, known: Sequence[str] = ()) -> None:
        target.write_bytes(" ".join(["bundle", *known]).encode())


def deliver(
    files: Mapping[str, bytes],
    tmp_path: Path,
    known: Sequence[str] = (),
    guess: str = "",
    **app: Any,
) -> Any:
    site: Any = SimpleNamespace(
        project=SimpleNamespace(repository=lambda app: "/repo"),
        export=lambda files: b"exported==1\n# " + b", ".join(sorted(files.values())),
        resolve=lambda app, asked, source, python: f"# {app} {source} {python}\n{asked}".encode(),
        state=tmp_path / "state",
        store=SimpleNamespace(get=lambda name: None),
    )
    wanted = replace(APP, **app)
    return delivery_of(
        site, wanted, Repository(files), ref="main", scratch=tmp_path,
        known=lambda: known, guess=guess,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("known", "guess", "beyond"),
    [
        (["a", "b"], "", "a b"),
        (["a", "b"], "b", "b"),  # it has what it was thought to have
        (["a", "c"], "b", "a c"),  # it has not: made again
        ([], "b", ""),
    ],
)
def test_what_is_sent_builds_on_what_the_node_has(
    tmp_path: Path, known: Sequence[str], guess: str, beyond: str
) -> None:
    delivery = deliver({"requirements.txt": b""}, tmp_path, known, guess)

    ((_, path),) = delivery.files.values()
    assert path.read_text() == f"bundle {beyond}".strip()


def test_app_without_a_lock_is_told_before_a_node_is_asked(tmp_path: Path) -> None:
    with pytest.raises(Failed) as caught:
        deliver({"wsgi.py": b"", "setup.py": b""}, tmp_path)

    assert caught.value.code == "lock-missing"
    assert caught.value.trouble.found == "in that folder: setup.py, wsgi.py"
    assert list(tmp_path.iterdir()) == []


def test_app_whose_folder_is_not_in_the_commit(tmp_path: Path) -> None:
    with pytest.raises(Failed) as caught:
        deliver({"web/wsgi.py": b""}, tmp_path, root="site")

    assert caught.value.code == "app-root-missing"
    assert caught.value.trouble.found == "at the top: web"


def test_lock_is_looked_for_in_the_folder_of_the_app(tmp_path: Path) -> None:
    found = deliver({"web/requirements.txt": b"flask"}, tmp_path, root="web")

    assert found.source.lock.startswith(b"flask")
    assert found.release.commit == "4" * 40
    assert [blob.size for blob, _ in found.files.values()] == [6]


def test_packages_follow_from_every_file_that_the_lock_includes(tmp_path: Path) -> None:
    files = {"requirements.txt": b"-r base.txt\ngunicorn==23\n", "base.txt": b"flask==3\n"}

    before = deliver(files, tmp_path).source
    after = deliver({**files, "base.txt": b"flask==4\n"}, tmp_path).source

    assert before.lock != after.lock
    assert before.beside == b""  # gunicorn is in the lock


def test_server_that_the_lock_has_not_is_put_beside_it_pinned(tmp_path: Path) -> None:
    source = deliver({"requirements.txt": b"flask==3\n"}, tmp_path).source

    assert b"gunicorn==" in source.beside and b"--hash" not in source.beside
    assert not source.whole
    assert source.lock.endswith(source.beside)


@pytest.mark.parametrize("lock", ["uv.lock", "deps/uv.lock"])
def test_lock_of_another_format_is_sent_as_requirements(tmp_path: Path, lock: str) -> None:
    folder = lock.rpartition("/")[0]
    beside = f"{folder}/pyproject.toml".lstrip("/")

    source = deliver({lock: b"L", beside: b"P"}, tmp_path, lock=lock).source

    assert source.whole
    assert source.beside.startswith(b"exported==1\n# L, P")
    assert b"gunicorn==" in source.beside
    assert source.lock == source.beside


def test_lock_in_a_folder_below_is_pointed_at(tmp_path: Path) -> None:
    with pytest.raises(Failed) as caught:
        deliver({"README": b"", "site/requirements.txt": b"flask", "site/wsgi.py": b""}, tmp_path)

    assert caught.value.code == "lock-missing"
    assert caught.value.trouble.hint == 'root = "site" in [apps.thena]: its lock is there'


@pytest.mark.parametrize("root", [".", "web"])
def test_repository_with_no_python_in_it(tmp_path: Path, root: str) -> None:
    files = {"index.html": b"", "web/main.go": b"", "web/go.sum": b"", "docs/a.md": b""}

    with pytest.raises(Failed) as caught:
        deliver(files, tmp_path, root=root)

    assert caught.value.code == "no-python"
    assert "[apps.thena]" in caught.value.trouble.hint


@pytest.mark.requirement("R27")
def test_commit_with_a_private_key_is_not_deployed(tmp_path: Path) -> None:
    key = b"-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAE\n"
    files = {"requirements.txt": b"", "deploy/id": b"\n" + key}

    with pytest.raises(Failed) as caught:
        deliver(files, tmp_path)

    assert caught.value.code == "private-key-in-tree"
    assert caught.value.trouble.found == "deploy/id:2: openssh private key"
    assert "b3Blbn" not in str(caught.value.trouble)
    assert list(tmp_path.iterdir()) == []
    assert deliver(files, tmp_path, harmless_keys=("deploy/id",)).release.commit
