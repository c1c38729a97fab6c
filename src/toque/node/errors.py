"""How a step fails on a node: as data that travels back in its outcome."""

from typing import Sequence, Tuple


class StepFailed(Exception):
    """A step cannot reach its wanted state.

    ``code`` is stable, kebab-case and has a page ``docs/errors/<code>.md``.  ``message`` is one
    sentence without a full stop; ``expected``, ``found`` and ``hint`` (the one command that helps)
    may be empty; ``log`` is the last lines of whatever failed, oldest first.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        expected: str = "",
        found: str = "",
        hint: str = "",
        log: Sequence[str] = (),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.expected = expected
        self.found = found
        self.hint = hint
        self.log: Tuple[str, ...] = tuple(log)


class NotReady(StepFailed):
    """What this step looks at is not there yet (its program, its user, its server).

    In check mode this means "unknown until applied" when an earlier step would change something;
    otherwise it is a failure like any other.
    """
