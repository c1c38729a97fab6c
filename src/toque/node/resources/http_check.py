"""A page that has to answer before the run goes on."""

from typing import ClassVar, FrozenSet, Optional, Tuple

from ..errors import NotReady
from ..probe import Answer, Question, parts
from ..record import dataclass
from ..resource import Invalid, Resource, State
from ..system import System
from ..waiting import objection

EVERY_S = 0.25  # an app that starts is noticed soon, and hardly asked
ANSWER_S = 10.0  # for one answer; the visitor of a page this slow has left
QUOTED = 10  # lines of a page that is not as wanted


@dataclass(frozen=True)
class HttpCheck(Resource):
    """GET ``url`` answers as wanted, within ``timeout_s`` seconds.

    Wanted is a status of 2xx or 3xx, or one of ``status``, and ``text`` somewhere in the page.
    Redirects are answers and not followed.  ``at`` is a unix socket or an address to ask instead
    of the one that the URL's host stands for; the URL then says which site is visited
    (``HttpCheck("https://thena.example/health", at="/run/thena/app.sock")``).  ``ca`` is a file of
    certificates to trust instead of the machine's own, such as that of a ``Certificate``.

    It only looks: the step is ok or failed, never changed.  In a plan it is asked once, and is
    unknown while an earlier step has something to do.
    """

    url: str
    at: str = ""
    status: Tuple[int, ...] = ()
    text: str = ""
    ca: str = ""
    timeout_s: float = 30.0

    kind: ClassVar[str] = "http_check"

    @property
    def key(self) -> str:
        return f"{self.url} at {self.at}" if self.at else self.url

    def validate(self) -> None:
        try:
            parts(self.url)
        except ValueError as error:
            raise Invalid("url", str(error), self.url) from error
        if self.at.startswith("/") and len(self.at.encode()) > 107:  # sun_path, unix(7)
            raise Invalid("at", "a socket's path of at most 107 bytes", self.at)
        if any(not 100 <= code <= 599 for code in self.status):
            raise Invalid("status", "statuses of HTTP", self.status)
        if self.ca and not self.ca.startswith("/"):
            raise Invalid("ca", "an absolute path", self.ca)
        if not self.timeout_s > 0:
            raise Invalid("timeout_s", "a number of seconds above 0", self.timeout_s)

    def wanted(self) -> State:
        return {"answers": True}

    def found(self, system: System) -> Optional[State]:
        last = Answer()
        question = Question(self.url, self.at, self.ca)

        def ask(left_s: float) -> str:
            nonlocal last
            last = system.visit(question, timeout_s=min(ANSWER_S, max(left_s, 1.0)))
            return self._against(last)

        against = objection(system, ask, timeout_s=self.timeout_s, every_s=EVERY_S)
        if against:
            page = last.body.decode("utf-8", "replace").splitlines()
            raise NotReady(
                "http-check-failed",
                f"{self.key} did not answer as wanted",
                expected=f"{self._wish} within {self.timeout_s:g} s",
                found=against,
                log=[line.rstrip()[:200] for line in page if line.strip()][:QUOTED],
            )
        return {"answers": True}

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        raise ValueError(f"{self.kind} only looks")

    def _against(self, answer: Answer) -> str:
        """What is wrong with an answer; nothing when it is as wanted."""
        right = answer.status in self.status if self.status else answer.good
        if answer.fault or not right:
            return answer.said
        if self.text and self.text not in answer.body.decode("utf-8", "replace"):
            return f"{answer.said}, without the text"
        return ""

    @property
    def _wish(self) -> str:
        codes = " or ".join(str(code) for code in self.status) or "2xx or 3xx"
        return f"{codes} with {self.text!r}" if self.text else codes
