"""The versions that the cookbooks of a repository get, chosen by uv; and the packages themselves.

uv is given copies of the manifests as projects of their own, so that a conflict names them, and a
stand-in for Toque in the version that asks, so that nothing chooses another.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from .. import __version__
from ..cookbooks.lockfile import FILE, Lock, Package, asked_by
from ..cookbooks.manifest import Manifest, named, normal
from ..errors import AskedWrongly, Failed
from . import shipping
from .uvresolve import LIMIT_S, PASSED_ON

PYTHON = "3.11"  # the oldest that Toque runs on
KEPT = 5  # folders of packages, so that going back to an earlier commit fetches nothing
# A process has one Jinja: a cookbook that needs it gets one that suits Toque's templates, too.
OURS = ("jinja2>=3.1.6,<4",)
_UVS_OWN = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json")
_UNREACHED = re.compile("error sending request|Could not resolve host|Connection refused")
_PIN = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(\S+)")
_GIT = re.compile(r"([A-Za-z0-9._-]+)\s*@\s*git\+(\S+)@([0-9a-f]{40,64})(?:#(\S+))?")


def resolve(
    manifests: Sequence[Manifest],
    before: Lock | None,
    *,
    newer: Collection[str] = (),
    build: bool = True,
) -> Lock:
    """A lock for ``manifests`` that keeps what ``before`` says, but for the packages ``newer``.

    Nothing is built when ``build`` is false.  Raises ``AskedWrongly("cookbooks-conflict")``,
    ``AskedWrongly("lock-unresolvable")``, ``Failed("lock-offline")``.
    """
    newer = {normal(name) for name in newer}
    direct = {named(need): (one, need) for one in manifests for need in one.needs}
    packages: tuple[Package, ...] = ()
    # What a package brings in from a repository stays at its commit, too, while that package does.
    held = [p for p in (before.packages if before else ()) if p.git and p.name not in newer]
    held = [p for p in held if p.name not in direct]
    while True:
        packages = _chosen(manifests, before, newer, held, build)
        moved = _moved(before, packages)
        still = [p for p in held if not moved.intersection(p.needed_by)]
        if still == held:
            break
        held = still
    return Lock(
        asked_by(manifests),
        tuple(
            replace(p, ref=_ref(*direct[p.name])) if p.git and p.name in direct else p
            for p in packages
        ),
    )


def _moved(before: Lock | None, packages: Sequence[Package]) -> set[str]:
    """The packages that are not as they were."""
    old = {(p.name, p.state) for p in (before.packages if before else ())}
    return {name for name, _ in old ^ {(p.name, p.state) for p in packages}}


def _chosen(
    manifests: Sequence[Manifest],
    before: Lock | None,
    newer: Collection[str],
    held: Sequence[Package],
    build: bool,
) -> tuple[Package, ...]:
    """What uv chooses, with the packages ``held`` as they are."""
    local = [one.name for one in manifests]
    with tempfile.TemporaryDirectory(prefix="toque-lock-") as folder:
        scratch = Path(folder).resolve()
        _write(scratch, "toque", __version__, ())
        for one in manifests:
            _write(scratch, one.name, one.version, *_asked(one, set(local), before, newer))
        asked = [f"{name} @ {(scratch / name).as_uri()}\n" for name in ("toque", *local)]
        (scratch / "asked.in").write_text("".join(asked), "utf-8")
        (scratch / "ours.txt").write_text("\n".join(OURS), "utf-8")
        (scratch / "held.txt").write_text("\n".join(p.requirement for p in held), "utf-8")
        out = scratch / "out.txt"
        if before is not None:
            kept = [p.requirement for p in before.packages if p.name not in newer and not p.git]
            out.write_text("\n".join(kept), "utf-8")
        command: list[str | Path] = [
            shipping.uv_binary(), "pip", "compile", "--quiet", "--universal", "--generate-hashes",
            "--python-version", PYTHON, "--native-tls", "--no-header",
            "--annotation-style", "line", "--constraints", "ours.txt", "--overrides", "held.txt",
            *(f"--no-emit-package={name}" for name in ("toque", *local)),
            "--output-file", "out.txt", "asked.in",
        ]  # fmt: skip
        done = _uv(command, scratch, "--no-build")
        if done.returncode != 0 and build:
            done = _uv(command, scratch)
        if done.returncode != 0:
            raise _unreached(done) or _unresolvable(done, manifests)
        return read_pins(out.read_text("utf-8"))


def read_pins(text: str) -> tuple[Package, ...]:
    """The packages of a requirements file as uv writes it, with hashes and annotations."""
    found: list[Package] = []
    for line in re.sub(r"\\\n", " ", text).splitlines():
        pin, _, via = line.partition("# via ")
        if pin.strip() and not pin.lstrip().startswith("#"):
            words = pin.split("--hash=")
            found.append(_package(words[0].strip(), tuple(word.strip() for word in words[1:])))
        if via and found:
            names = {normal(n.strip()) for n in via.split(",") if not n.strip().startswith("-r ")}
            found[-1] = replace(found[-1], needed_by=tuple(sorted(names)))
    return tuple(sorted(found, key=lambda one: (one.name, one.marker)))


def _package(line: str, hashes: tuple[str, ...]) -> Package:
    requirement, _, marker = line.partition(" ; ")
    if pin := _PIN.fullmatch(requirement.strip()):
        return Package(normal(pin[1]), pin[2], marker.strip(), hashes=tuple(sorted(hashes)))
    if git := _GIT.fullmatch(requirement.strip()):
        folder = dict(p.split("=", 1) for p in (git[4] or "").split("&") if "=" in p)
        return Package(
            normal(git[1]), "", marker.strip(), git[2], "", git[3], folder.get("subdirectory", "")
        )
    raise Failed(
        "lock-not-read-back",
        "uv has chosen something that a lock cannot hold",
        expected="a version with hashes, or a commit of a repository",
        found=requirement[:200],
        hint="state that dependency by an index, a git repository, or a path in [tool.uv.sources]",
    )


def install(lock: Lock, folder: Path, *, build: bool = True) -> Path:
    """The packages of a lock in a folder of their own below ``folder``, made when it is not there.

    Raises ``Failed("lock-packages-missing")``: offline, a withdrawn version, a changed file.
    """
    kept = _home(lock, folder)
    if kept.is_dir():
        return kept
    with _fetched(lock, folder, build) as fresh:
        try:
            fresh.rename(kept)
        except OSError:
            if not kept.is_dir():  # else another run was quicker, with the same
                raise
    older = sorted(folder.glob("*-*"), key=lambda path: path.stat().st_mtime)[:-KEPT]
    for path in older:
        if path != kept:
            shutil.rmtree(path, ignore_errors=True)
    return kept


def altered(lock: Lock, kept: Path, folder: Path, *, build: bool = True) -> tuple[str, ...]:
    """The files of the packages ``kept`` that are not as the lock's hashes have them.

    They are compared with a copy that is made again, below ``folder``.  Raises as ``install``.
    """
    with _fetched(lock, folder, build) as fresh:
        there, wanted = _contents(kept), _contents(fresh)
    return tuple(sorted(p for p in there.keys() | wanted.keys() if there.get(p) != wanted.get(p)))


def _home(lock: Lock, folder: Path) -> Path:
    return folder / f"{lock.identity}-{sys.implementation.cache_tag}-{sys.platform}"


@contextmanager
def _fetched(lock: Lock, folder: Path, build: bool) -> Iterator[Path]:
    """The packages of a lock in a new folder, which is there as long as one looks at it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / ".gitignore").write_text("*\n", "utf-8")
    scratch = Path(tempfile.mkdtemp(prefix=".new-", dir=folder)).resolve()
    try:
        for number, packages in enumerate(_kinds(lock)):
            if packages:
                _install(packages, scratch, number, build)
        (scratch / "packages").mkdir(exist_ok=True)
        yield scratch / "packages"
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def package_files(folder: Path) -> Iterator[str]:
    """What the packages in a folder consist of, without what uv and Python write beside it."""
    for path in folder.rglob("*"):
        name = path.relative_to(folder)
        ours = path.parent.name.endswith(".dist-info") and path.name in _UVS_OWN
        made = "__pycache__" in name.parts or name.parts[0] in (".lock", "bin")
        if path.is_file() and not ours and not made:
            yield name.as_posix()


def _contents(folder: Path) -> dict[str, str]:
    return {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in package_files(folder)
    }


def _kinds(lock: Lock) -> tuple[list[Package], list[Package]]:
    """Those of an index, whose hashes are checked; and those of repositories, whose commits are."""
    return [p for p in lock.packages if not p.git], [p for p in lock.packages if p.git]


def _install(packages: Sequence[Package], scratch: Path, number: int, build: bool) -> None:
    lines = [" \\\n  ".join([p.requirement, *(f"--hash={h}" for h in p.hashes)]) for p in packages]
    (scratch / f"{number}.txt").write_text("\n".join(lines) + "\n", "utf-8")
    done = _uv(
        [
            shipping.uv_binary(), "pip", "install", "--quiet", "--no-deps", "--native-tls",
            "--link-mode", "copy", "--compile-bytecode", "--python", sys.executable,
            "--target", "packages", *(("--require-hashes",) if packages[0].hashes else ()),
            *(() if build else ("--no-build",)), "-r", f"{number}.txt",
        ],
        scratch,
    )  # fmt: skip
    if done.returncode != 0:
        words = _words(done)
        names = [p.name for p in packages]
        raise Failed(
            "lock-packages-missing",
            f"the packages of {FILE} cannot be had",
            expected=", ".join(f"{p.name} {p.state}" for p in packages[:8]),
            found=next((w for w in words if any(n in w for n in names)), words[0]),
            hint="where there is a network: toque vendor, or toque export FILE, for this machine",
            log=words[-12:],
            place=FILE,
        )


def _write(scratch: Path, name: str, version: str, needs: Sequence[str], sources: str = "") -> None:
    (scratch / name).mkdir()
    text = f"[project]\nname = {json.dumps(name)}\nversion = {json.dumps(version)}\n"
    text += f"dependencies = {json.dumps(list(needs))}\n\n[tool.uv.sources]\n{sources}"
    (scratch / name / "pyproject.toml").write_text(text, "utf-8")


def _asked(
    one: Manifest, local: Collection[str], before: Lock | None, newer: Collection[str]
) -> tuple[list[str], str]:
    """The dependencies of a cookbook, and where they come from, as uv is told.

    A repository is asked for the commit of the lock, as long as the cookbook asks for the same.
    """
    was = {c.name: c.needs for c in before.cookbooks} if before else {}
    said = one.said()
    needs, sources = [], []
    for need in one.needs:
        name = named(need)
        if name in local:
            needs.append(need.partition("@")[0].strip() if one.path_of(need) else need)
            continue
        needs.append(need)
        source: dict[str, Any] = dict(one.source(need))
        kept = before.package(name) if before is not None and name not in newer else None
        line = next((w for w in said if named(w) == name), "")
        if kept is not None and kept.git and line in was.get(one.name, ()):
            if source.get("git"):
                for key in ("tag", "branch", "rev"):
                    source.pop(key, None)
                source["rev"] = kept.commit
            else:
                needs[-1] = kept.requirement
        if source:
            fields = ", ".join(f"{json.dumps(k)} = {json.dumps(v)}" for k, v in source.items())
            sources.append(f"{json.dumps(name)} = {{ {fields} }}\n")
    return needs, "".join(sources)


def _ref(one: Manifest, need: str) -> str:
    """The branch, tag or revision that a cookbook asks for; empty for the default branch."""
    source = one.source(need)
    for key in ("rev", "tag", "branch"):
        if source.get(key):
            return str(source[key])
    url = need.partition("@")[2].partition("#")[0].strip()
    return url.rpartition("@")[2] if "@" in url.rpartition("/")[2] else ""


def _uv(
    command: Sequence[str | Path], folder: Path, *options: str
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*command, *options],
        cwd=folder,
        capture_output=True,
        check=False,
        timeout=LIMIT_S,
        umask=0o022,  # whoever compiles recipes apart is nobody, and reads the packages
        env={
            **{name: value for name, value in os.environ.items() if name.startswith(PASSED_ON)},
            "UV_PYTHON_DOWNLOADS": "never",
            "NO_COLOR": "1",
            "GIT_TERMINAL_PROMPT": "0",
        },
    )


def _words(done: subprocess.CompletedProcess[bytes]) -> list[str]:
    lines = done.stderr.decode("utf-8", "replace").splitlines()
    words = [re.sub(r"^\s*(error|cause)[: ]*", "", line).strip() for line in lines]
    return [word for word in words if word] or [f"status {done.returncode}"]


def _unreached(done: subprocess.CompletedProcess[bytes]) -> Failed | None:
    """The error when what was asked is not reached; none when it has answered."""
    words = _words(done)
    why = [word for word in words if _UNREACHED.search(word)]
    if not why:
        return None
    return Failed(
        "lock-offline",
        "the index or repository of a dependency is not reached",
        expected="a network, or everything that is asked for in uv's cache",
        found=next((word for word in words if "://" in word), why[0]),
        hint="runs need no network once packages are fetched or vendored; toque lock does",
        log=words[-12:],
    )


def _unresolvable(
    done: subprocess.CompletedProcess[bytes], manifests: Sequence[Manifest]
) -> AskedWrongly:
    words = _words(done)
    text = " ".join(words)
    solved = "No solution found" in text  # else uv does not say who asked
    said = [
        (one, need)
        for one in manifests
        for need in one.needs
        if (not solved or re.search(rf"\b{re.escape(one.name)}\b", text))
        and re.search(rf"\b{re.escape(named(need))}\b", text)
    ]
    ranges = [f"{one.name} needs {need} ({one.file})" for one, need in said]
    if solved and len(said) > 1:
        return AskedWrongly(
            "cookbooks-conflict",
            "no versions suit all cookbooks of this repository",
            expected="ranges that have a version in common",
            found="; ".join(ranges),
            hint="change one of these ranges",
            log=words[-12:],
        )
    return AskedWrongly(
        "lock-unresolvable",
        "uv finds no versions for the dependencies of the cookbooks",
        expected="packages, versions and git references that exist",
        found="; ".join([words[0], *ranges]) if ranges else text[:300],
        hint="correct that line of the pyproject.toml; then: toque lock",
        log=words[-12:],
    )
