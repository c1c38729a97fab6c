"""What a system remembers between two changes, and what it has to say of a step."""

from typing import Any, Callable, Dict, FrozenSet, List, Optional, Sequence, Tuple, TypeVar

from .finding import Finding, first_refusal, refusal

T = TypeVar("T")


class Notebook:
    """This part of ``System``, which does not depend on the machine."""

    def __init__(self) -> None:
        self._seen: Dict[str, Any] = {}
        self._notes: List[str] = []
        self._findings: List[Finding] = []

    def observe(self, name: str, look: Callable[[], T]) -> T:
        if name not in self._seen:
            self._seen[name] = look()
        seen: T = self._seen[name]
        return seen

    def forget(self, names: Optional[FrozenSet[str]] = None) -> None:
        for key in list(self._seen):
            if names is None or key.split(":", 1)[0] in names:
                del self._seen[key]

    def note(self, text: str) -> None:
        self._notes.append(text)

    def taken_notes(self) -> Tuple[str, ...]:
        notes, self._notes = tuple(self._notes), []
        return notes

    def tell(self, findings: Sequence[Finding]) -> None:
        self._findings += [finding for finding in findings if finding not in self._findings]
        ends = first_refusal(findings)
        if ends is not None:
            raise refusal(ends)

    def taken_findings(self) -> Tuple[Finding, ...]:
        findings, self._findings = tuple(self._findings), []
        return findings
