"""Push to deploy: what a repository's ``post-receive`` does with each ref it is told of.

The refs have moved already when the hook runs, so "which is newest" is asked of the repository,
never taken from the order in which hooks arrive.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..errors import AskedWrongly, ToqueError

MARK = "Written by: toque hook install"
HOOK = f"""\
#!/bin/sh
# {MARK}.  Deploys each push to the app's branch; see toque.json here.
cd "${{GIT_DIR:-.}}" && exec "$(cat hooks/toque-python)" -m toque hook run
"""
NOTHING = "0" * 40


@dataclass(frozen=True)
class Pushed:
    """One line that git gives to ``post-receive``: a ref and its commit before and after."""

    old: str
    new: str
    ref: str

    @property
    def deleted(self) -> bool:
        return set(self.new) == {"0"}


def parse_pushed(text: str) -> list[Pushed]:
    """The lines of ``githooks(5)`` post-receive: ``old new ref``."""
    return [Pushed(*line.split(" ", 2)) for line in text.splitlines() if line.count(" ") >= 2]


def install(repository: Path, project: Path, app: str, python: str) -> None:
    """Write the hook into a bare repository; safe to repeat.

    Raises ``AskedWrongly("hook-taken")`` when it has a ``post-receive`` that is not ours.
    """
    hooks = repository / "hooks"
    hooks.mkdir(exist_ok=True)
    there = hooks / "post-receive"
    if there.exists() and MARK not in there.read_text(encoding="utf-8", errors="replace"):
        raise AskedWrongly(
            "hook-taken",
            f"{repository} has a post-receive hook of its own",
            expected="none, or one that toque hook install wrote",
            found="another hook, which was left as it is",
            hint=f"move it away if you do not need it, then run this again: {there}",
        )
    settings = {"project": str(project), "app": app}
    (repository / "toque.json").write_text(json.dumps(settings) + "\n", encoding="utf-8")
    (hooks / "toque-python").write_text(python + "\n", encoding="utf-8")
    staged = hooks / f".post-receive.{os.getpid()}"
    staged.write_text(HOOK, encoding="utf-8")
    staged.chmod(0o755)
    staged.rename(there)


def answer(pushed: Pushed, branch: str, app: str) -> str:
    """A sentence for a ref that deploys nothing; empty when it is to be deployed.  Pure."""
    wanted = f"refs/heads/{branch}"
    if pushed.ref == wanted and not pushed.deleted:
        return ""
    if pushed.ref == wanted:
        return f"{branch} was deleted; {app} goes on serving its last release"
    if pushed.ref.startswith("refs/tags/"):
        return f"{pushed.ref} is a tag; {app} deploys only {branch}"
    if pushed.deleted:
        return f"{pushed.ref} was deleted; nothing to deploy"
    return f"{pushed.ref} is not deployed; {app} deploys only {branch}"


def receive(
    lines: Sequence[Pushed],
    *,
    repository: Path,
    branch: str,
    app: str,
    tip: Callable[[str], str],
    deploy: Callable[[str, str], None],
    say: Callable[[str], None],
) -> ToqueError | None:
    """Deploy the commit pushed to ``branch``; answer the others with a sentence.

    ``deploy`` is given the commit, and the one that was there before it (empty without one).

    ``tip(branch)`` asks the repository.  Deploys of one repository go one after another, and a
    commit that is no longer the tip when its turn comes is left to the push that replaced it.
    Returns the error of a deploy that failed, after it was recorded in ``toque-deploys.jsonl``.
    """
    failure: ToqueError | None = None
    for pushed in lines:
        sentence = answer(pushed, branch, app)
        if sentence:
            say(sentence)
            continue
        with _turn(repository):
            newest = tip(branch)
            if newest != pushed.new:
                say(f"{pushed.new[:12]} was replaced by {newest[:12]}, which is deployed instead")
                continue
            try:
                deploy(pushed.new, "" if set(pushed.old) == {"0"} else pushed.old)
            except ToqueError as error:
                failure = error
            _record(repository, pushed, failure)
    return failure


@contextmanager
def _turn(repository: Path) -> Iterator[None]:
    """Wait for the deploys of earlier pushes; the kernel frees the place of a killed one."""
    descriptor = os.open(repository / "toque.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _record(repository: Path, pushed: Pushed, failure: ToqueError | None) -> None:
    """git ignores what post-receive exits with, so how it went is written down here."""
    entry = {
        "commit": pushed.new,
        "exit": failure.exit_status if failure else 0,
        "code": failure.code if failure else "",
    }
    with (repository / "toque-deploys.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")


def last_record(repository: Path) -> dict[str, object]:
    """How the last deploy of a push ended: ``commit``, ``exit``, ``code``."""
    lines = (repository / "toque-deploys.jsonl").read_text(encoding="utf-8").splitlines()
    entry: dict[str, object] = json.loads(lines[-1])
    return entry
