"""Answers to what packages would ask when they are installed, given to debconf beforehand."""

import re
from typing import List, Mapping, Sequence, Union

from .dpkg import ENVIRONMENT
from .errors import StepFailed
from .record import dataclass
from .resource import Invalid
from .system import System
from .values import Secret

_QUESTION = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]*(/[A-Za-z0-9+._-]+)+\Z")


@dataclass(frozen=True)
class Answer:
    """``question`` is debconf's full name of it, which begins with the package that asks."""

    question: str
    value: Union[str, Secret]

    @property
    def package(self) -> str:
        return self.question.split("/")[0]

    @property
    def shown(self) -> str:
        value = "(a secret, not shown)" if isinstance(self.value, Secret) else self.value
        return f"answer for {self.package}: {self.question} = {value}"

    def line(self) -> str:
        """As debconf-set-selections(1) reads it.

        Only the type ``password`` is kept from other users; the package's own templates put the
        other types right when it is installed.
        """
        if isinstance(self.value, Secret):
            return f"{self.package} {self.question} password {self.value.reveal()}\n"
        kind = "boolean" if self.value in ("true", "false") else "string"
        return f"{self.package} {self.question} {kind} {self.value}\n"


def validate(answers: Mapping[str, Union[str, Secret]]) -> None:
    """Raise ``Invalid`` for what debconf-set-selections(1) would read as something else."""
    for question, value in answers.items():
        if not _QUESTION.match(question):
            raise Invalid("answers", "debconf's name of a question, as a/b", question)
        text = value.reveal() if isinstance(value, Secret) else value
        # A line per answer, and a \ at its end goes on in the next one.
        if any(c in text for c in "\n\r\0") or text.endswith("\\"):
            raise Invalid("answers", "one line without \\ at its end", value)


def give(system: System, answers: Sequence[Answer]) -> None:
    """Raises ``StepFailed``; debconf's words are not quoted, since they may hold an answer."""
    if not answers:
        return
    stdin = "".join(answer.line() for answer in answers).encode()
    done = system.run(["debconf-set-selections"], env=ENVIRONMENT, stdin=stdin, check=False)
    if done.code != 0:
        raise StepFailed(
            "package-answers-refused",
            f"debconf does not take the answers to {', '.join(a.question for a in answers)}",
            expected="debconf-set-selections to end with status 0",
            found=f"status {done.code}",
        )


def due(
    answers: Mapping[str, Union[str, Secret]], names: Sequence[str], new: Sequence[str]
) -> List[Answer]:
    """The answers that count when ``new`` of ``names`` are installed.

    One of ``names`` that is there already is not asked; what none of them is called may belong
    to a package that they need.
    """
    found = [Answer(question, value) for question, value in sorted(answers.items())]
    return [a for a in found if new and (a.package in new or a.package not in names)]
