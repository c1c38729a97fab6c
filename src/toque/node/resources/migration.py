"""An app's database brought to what a new release needs, while the old release serves.

What is pending is listed first and judged, so that a migration which would break the release that
serves is refused before anything is touched.  The record of what was applied for which release is
what a rollback is judged by.
"""

import json
import re
from datetime import datetime, timezone
from typing import Any, ClassVar, Dict, FrozenSet, List, Mapping, Optional, Sequence, Tuple

from ..applayout import is_release
from ..environmentfile import read_environment
from ..errors import StepFailed
from ..finding import REFUSE, WARN, Finding
from ..inside import text_of
from ..migrated import (
    append_migrated,
    is_migrated,
    make_directory,
    owner_path,
    read_migrated,
)
from ..record import dataclass
from ..resource import Invalid, Resource, State
from ..system import Result, System
from ..verdicts import Judged, judge, judged_json
from ..verdicts.tools import tool_of
from ..verdicts.words import SAFE, UNKNOWN

LIST_S = 120.0  # an app that takes longer to be imported does not start in time either
LOCKED = 75  # what inside/held.py ends with when somebody else has the lock
TOLD = "toque-lock "


@dataclass(frozen=True)
class Migration(Resource):
    """``argv`` has been run for ``release`` of ``app`` (of ``commit``), as ``user`` in ``cwd``.

    ``python`` is the release's own and ``environment_file`` its variables; ``variable`` is the one
    that holds the database's URL.  It runs once for each release, under a lock that the database
    keeps as long as it runs (PostgreSQL) and that is waited for ``waits_s`` seconds; ``by`` says
    who wanted it.  ``lock_timeout_s`` and ``statement_timeout_s`` hold for its sessions only,
    ``timeout_s`` for all of it.

    Pending migrations of Alembic, Flask-Migrate and Django are judged first.  As long as
    ``current`` names a release that serves, one that is not safe meanwhile is refused; not with
    ``allow_unsafe``.  Without ``runs``, another node does the work: here it is only seen to that
    nothing is pending.
    """

    kind: ClassVar[str] = "migration"

    app: str
    release: str
    commit: str
    argv: Tuple[str, ...]
    user: str
    cwd: str
    python: str
    environment_file: str
    current: str
    variable: str = "DATABASE_URL"
    by: str = ""
    runs: bool = True
    allow_unsafe: bool = False
    lock_timeout_s: int = 5
    statement_timeout_s: int = 600
    waits_s: int = 60
    timeout_s: int = 1800

    @property
    def key(self) -> str:
        return f"{self.app} {self.release}"

    def validate(self) -> None:
        if not isinstance(self.argv, (tuple, list)) or not self.argv or not self.argv[0]:
            raise Invalid("argv", "a program and its arguments", self.argv)
        if not all(type(word) is str and "\0" not in word for word in self.argv):
            raise Invalid("argv", "texts without NUL, none of them a secret", "something else")
        if not is_release(self.release):
            raise Invalid("release", "a release ID", self.release)
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", self.variable):
            raise Invalid("variable", "a name like DATABASE_URL", self.variable)
        for name in ("cwd", "python", "environment_file", "current"):
            if not getattr(self, name).startswith("/"):
                raise Invalid(name, "an absolute path", getattr(self, name))
        for name in ("lock_timeout_s", "statement_timeout_s", "waits_s", "timeout_s"):
            if not getattr(self, name) > 0:
                raise Invalid(name, "a number of seconds above 0", getattr(self, name))

    def wanted(self) -> State:
        return {"migrated": True}

    def found(self, system: System) -> Optional[State]:
        return {"migrated": is_migrated(read_migrated(system, self.app), self.release)}

    def show(self, found: Optional[State], keys: FrozenSet[str]) -> Sequence[str]:
        words = " ".join([self.argv[0].rpartition("/")[2], *self.argv[1:]])
        return [f"run {words} as {self.user}" if self.runs else "see that nothing is pending"]

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        tool = tool_of(self.argv)
        environment = read_environment(system, self.environment_file)
        listing = self._listed(system, tool, environment) if tool else None
        judged = judge(listing, tool) if listing is not None else ()
        if not self.runs:
            self._see(system, judged)
        elif listing is None or listing["missing"]:
            self._blind(system, listing, tool)
        else:
            self._weigh(system, listing, judged)
        begun = None
        if self.runs and (judged or listing is None):
            # On record before it begins: a run that is killed may have applied all of it.
            begun = self._recorded(tool, judged, complete=False)
            append_migrated(system, self.app, begun)
            self._migrate(system, tool, environment, judged, begun)
        ended = self._recorded(tool, judged if self.runs else (), complete=True)
        append_migrated(system, self.app, ended, replacing=begun)

    # --- what is pending ------------------------------------------------------------------------

    def _listed(
        self, system: System, tool: str, environment: Mapping[str, str]
    ) -> Optional[Dict[str, Any]]:
        """What ``inside/pending.py`` says; None when the project could not be read."""
        system.progress("reading what is pending")
        result = self._inside(system, "pending", [tool, *self.argv], environment, timeout_s=LIST_S)
        said = _last_json(result)
        if "pending" in said:
            return said
        error = said.get("error") or {}
        message = str(error.get("message") or f"it ended with status {result.code}")
        if error.get("code") == "database-unreachable":
            raise StepFailed(
                "database-unreachable",
                "the database does not let the new release in",
                expected=f"the database that {self.variable} names",
                found=message,
                hint="is it running, does its address hold, may this user connect?",
                log=result.tail(),
            )
        if error.get("code") == "migration-heads":
            raise StepFailed(
                "migration-heads",
                message,
                expected="one head, so that it is clear where to go",
                found=str(error.get("found", "")),
                hint="python manage.py makemigrations --merge"
                if tool == "django"
                else f"{tool}{' db' if tool == 'flask' else ''} merge heads, and commit the result",
            )
        system.note(f"what is pending could not be read: {message}")
        return None

    def _inside(
        self,
        system: System,
        script: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        *,
        timeout_s: float,
        tell: bool = False,
    ) -> Result:
        """Run a program of ``node/inside`` by the release's Python, as the app's user."""
        return system.run(
            [self.python, "-", *arguments],
            user=self.user, cwd=self.cwd, env=environment, stdin=text_of(script).encode(),
            timeout_s=timeout_s, check=False,
            tell=(lambda line: system.progress(_shown(line))) if tell else None,
        )  # fmt: skip

    # --- what that means ------------------------------------------------------------------------

    def _see(self, system: System, judged: Sequence[Judged]) -> None:
        if judged:
            raise StepFailed(
                "migration-missing",
                f"{len(judged)} migrations are pending, and this node is not the one to run them",
                expected="a database that the first node of this deployment has migrated",
                found=", ".join(one.name for one in judged[:5]),
                hint="does this node use the same database as the first?",
            )

    def _blind(self, system: System, listing: Optional[Mapping[str, Any]], tool: str) -> None:
        if listing is None:
            why = f"{tool} did not tell" if tool else "the command is none that Toque can read"
            system.note(f"unknown whether the release that serves can live with it: {why}")
            return
        unknown = ", ".join(listing["missing"][:5])
        if self.allow_unsafe:
            system.note(f"the database is ahead of this code ({unknown}), as was allowed")
            return
        raise StepFailed(
            "migration-ahead",
            "the database is ahead of this code",
            expected="a database whose revisions this commit knows",
            found=f"revision {unknown}, which is not in this commit",
            hint="go back to a release that is kept (toque rollback), or deploy a commit that has "
            "the revision",
        )

    def _weigh(self, system: System, listing: Mapping[str, Any], judged: Sequence[Judged]) -> None:
        """Tell the verdicts; refuse what would break the release that serves."""
        serving = system.stat(self.current) is not None and bool(listing.get("current"))
        for one in judged:
            said = f", reviewed: {one.reviewed}" if one.reviewed is not None else ""
            system.note(f"{one.verdict}: {one.name}{said}")
        if not serving:
            return  # there is no old code, or no data, that a migration could harm
        level = WARN if self.allow_unsafe else REFUSE
        allow = f"toque deploy {self.app} --allow-unsafe-migration"
        system.tell([finding for one in judged for finding in findings(one, level, allow)])

    # --- doing it -------------------------------------------------------------------------------

    def _migrate(
        self,
        system: System,
        tool: str,
        environment: Mapping[str, str],
        judged: Sequence[Judged],
        begun: Mapping[str, Any],
    ) -> None:
        limits = f"-c lock_timeout={self.lock_timeout_s}s"
        limits += f" -c statement_timeout={self.statement_timeout_s}s"
        label = f"toque {self.app} {self.release} by {self.by or 'root'}"
        self._own(system)
        system.progress(f"migrating {self.app}")
        words = [self.variable, label, str(self.waits_s), limits, *self.argv]
        try:
            result = self._inside(
                system,
                "held",
                words,
                environment,
                timeout_s=self.timeout_s + self.waits_s,
                tell=True,
            )
        finally:
            system.remove(owner_path(self.app))
        locks = _locks(result)
        for lock in locks:
            if lock.get("lock") == "none":
                system.note(f"no lock in the database: {lock.get('why', '')}")
        if result.code == LOCKED and locks and locks[-1].get("lock") == "taken":
            append_migrated(system, self.app, None, replacing=begun)
            raise self._locked(locks[-1])
        if result.code != 0:
            applied = self._applied(system, tool, environment, judged) if judged else None
            if applied is not None:
                record = self._recorded(tool, applied, complete=False) if applied else None
                append_migrated(system, self.app, record, replacing=begun)
            raise self._failed(result, judged, applied)

    def _own(self, system: System) -> None:
        make_directory(system)
        owner = {"app": self.app, "release": self.release, "by": self.by, "since": _now()}
        system.write(
            owner_path(self.app), (json.dumps(owner, sort_keys=True) + "\n").encode(), mode=0o600
        )

    def _locked(self, lock: Mapping[str, Any]) -> StepFailed:
        owner = str(lock.get("owner") or "a session that has ended since")
        return StepFailed(
            "migration-locked",
            f"{self.app}'s database is being migrated by somebody else",
            expected=f"its migration lock to be free within {self.waits_s} s",
            found=f"{owner}, since {lock.get('since', '?')} UTC",
            hint="wait for it; it is a session in pg_stat_activity and holds the lock only as "
            "long as it lives",
        )

    def _applied(
        self,
        system: System,
        tool: str,
        environment: Mapping[str, str],
        judged: Sequence[Judged],
    ) -> Optional[List[Judged]]:
        """Those that are in the database although the command failed; None when nobody tells."""
        try:
            listing = self._listed(system, tool, environment)
        except StepFailed as error:  # it was there a moment ago
            system.note(f"what was applied is not known: {error.found or error.message}")
            return None
        if listing is None:
            return None
        pending = {one["revision"] for one in listing["pending"]}
        return [one for one in judged if one.revision not in pending]

    def _failed(
        self, result: Result, judged: Sequence[Judged], applied: Optional[Sequence[Judged]]
    ) -> StepFailed:
        left = ""
        if applied is not None:
            left = f"; {len(applied) or 'none'} of {len(judged)} are applied"
        lines = [line for line in result.tail(60) if not line.startswith(TOLD)][-30:]
        found, hint = _cause(lines, self.lock_timeout_s, self.statement_timeout_s)
        return StepFailed(
            "migration-failed",
            f"the migration of {self.app} ended with "
            + (f"status {result.code}" if result.code >= 0 else f"signal {-result.code}"),
            expected="status 0; the release before goes on serving",
            found=found + left,
            hint=hint,
            log=lines,
        )

    def _recorded(self, tool: str, applied: Sequence[Judged], *, complete: bool) -> Dict[str, Any]:
        if self.runs and not tool:
            # Nobody can tell what it did, so that a rollback across it is told of.
            words = " ".join([self.argv[0].rpartition("/")[2], *self.argv[1:]])
            applied = [Judged("", words, UNKNOWN, undo=False)]
        return {
            "at": _now(),
            "release": self.release,
            "commit": self.commit,
            "by": self.by,
            "tool": tool,
            "complete": complete,
            "elsewhere": not self.runs,
            "applied": [judged_json(one) for one in applied],
        }


def findings(judged: Judged, level: str, allow: str) -> List[Finding]:
    """What to tell of one pending migration, at most one finding; ``allow`` is the way to insist.

    ``level`` is that of one that the release which serves cannot live with.  Pure.
    """
    if judged.verdict == SAFE or judged.reviewed is not None:
        return []
    worst = judged.worst
    message = f"{judged.name}: {judged.verdict}: it {worst.what}; {worst.why}"
    place = f"{judged.path}:{worst.line}"
    evidence = tuple(
        f"{judged.path}:{reason.line} {reason.what}"
        for reason in judged.reasons
        if reason.verdict == judged.verdict
    )
    if not judged.refused:
        return [Finding("migration-unknown", WARN, message, evidence, place, worst.instead)]
    help_ = f"{worst.instead}; or insist: {allow}"
    return [Finding("migration-unsafe", level, message, evidence, place, help_)]


def _cause(lines: Sequence[str], lock_s: int, statement_s: int) -> Tuple[str, str]:
    """What the last words of a migration mean, and what helps."""
    text = "\n".join(lines).lower()
    if "lock timeout" in text:
        return (
            f"a table was in use for longer than {lock_s} s",
            "look in pg_stat_activity for who holds it; try again at a quiet time",
        )
    if "statement timeout" in text:
        return (
            f"one statement took longer than {statement_s} s",
            "split it, or raise statement_timeout in [apps.NAME.migrations]",
        )
    if "deadlock detected" in text:
        return "it and the app waited for each other (deadlock)", "try again; smaller steps help"
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return last[:300] or "no words", "its last lines say why; run the same command again afterwards"


def _last_json(result: Result) -> Dict[str, Any]:
    for line in reversed(result.text.splitlines()):
        try:
            said = json.loads(line)
        except ValueError:
            continue
        if isinstance(said, dict):
            return said
    return {}


def _locks(result: Result) -> List[Dict[str, Any]]:
    """What ``inside/held.py`` has told of the lock, as far as it can be read."""
    found = []
    for line in result.text.splitlines():
        if line.startswith(TOLD):
            try:
                said = json.loads(line[len(TOLD) :])
            except ValueError:
                continue
            if isinstance(said, dict):
                found.append(said)
    return found


def _shown(line: str) -> str:
    """A line for whoever watches; ours in words."""
    if not line.startswith(TOLD):
        return line
    said = next(iter(_locks(Result((), 0, line.encode()))), {})
    if said.get("lock") == "waiting":
        return f"waiting for {said.get('owner')}, who migrates since {said.get('since')} UTC"
    return "migrating"


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")
