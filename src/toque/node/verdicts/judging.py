"""From the list of what is pending to a verdict for each migration."""

from typing import Any, Dict, Iterable, List, Mapping, Optional, Tuple

from ..record import dataclass
from . import alembic, django
from .changes import Scene
from .words import REFUSED, SAFE, UNKNOWN, WORST_FIRST, Reason


@dataclass(frozen=True)
class Judged:
    """One pending migration.  ``path`` is relative to the app's directory; ``undo`` whether it
    has a way back; ``reviewed`` what its file says behind ``# toque: reviewed``, or None."""

    revision: str
    title: str
    verdict: str
    path: str = ""
    reasons: Tuple[Reason, ...] = ()
    undo: bool = True
    reviewed: Optional[str] = None

    @property
    def refused(self) -> bool:
        return self.verdict in REFUSED and self.reviewed is None

    @property
    def name(self) -> str:
        """Revision and title, once when they are the same."""
        if not self.title or self.revision.endswith(self.title):
            return self.revision
        return f"{self.revision} ({self.title})"

    @property
    def worst(self) -> Reason:
        """The reason for the verdict."""
        fits = [reason for reason in self.reasons if reason.verdict == self.verdict]
        return fits[0] if fits else Reason(self.verdict, "changes nothing in the database")


def judge(listing: Mapping[str, Any], tool: str) -> Tuple[Judged, ...]:
    """A verdict for each pending migration of what ``inside/pending.py`` has told, in order."""
    scene = Scene(str(listing.get("database", "")), dict(listing.get("sizes", {})))
    operations = django.judge_operation if tool == "django" else alembic.judge_operation
    judged = []
    for pending in listing["pending"]:
        reasons: List[Reason] = []
        for operation in pending["operations"]:
            for r in operations(operation, scene):
                line = int(operation.get("line", 0))
                reasons.append(Reason(r.verdict, r.what, r.why, r.instead, line))
        judged.append(
            Judged(
                str(pending["revision"]),
                str(pending["title"]),
                worst(reason.verdict for reason in reasons),
                str(pending["path"]),
                tuple(reasons),
                bool(pending["undo"]),
                pending["reviewed"],
            )
        )
    return tuple(judged)


def worst(verdicts: Iterable[str]) -> str:
    """The worst of them; safe when there is none, unknown for a word that we do not know."""
    found = set(verdicts)
    if found - set(WORST_FIRST):
        return UNKNOWN
    return next((verdict for verdict in WORST_FIRST if verdict in found), SAFE)


def judged_json(judged: Judged) -> Dict[str, Any]:
    """What is put on record of a migration; the reasons are those for its verdict."""
    return {
        "revision": judged.revision,
        "title": judged.title,
        "verdict": judged.verdict,
        "undo": judged.undo,
        "reviewed": judged.reviewed,
        "what": [r.what for r in judged.reasons if r.verdict == judged.verdict][:5],
    }


def judged_from(data: Mapping[str, Any]) -> Judged:
    """A migration as it was put on record; whatever is missing reads as unknown."""
    verdict = worst([str(data.get("verdict", UNKNOWN))])
    what = data.get("what")
    reasons = tuple(Reason(verdict, str(one)) for one in what) if isinstance(what, list) else ()
    reviewed = data.get("reviewed")
    return Judged(
        str(data.get("revision", "")),
        str(data.get("title", "")),
        verdict,
        reasons=reasons,
        undo=data.get("undo") is not False,
        reviewed=None if reviewed is None else str(reviewed),
    )
