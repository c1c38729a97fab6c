"""Values that are not plain data: a text that may not be shown, and bytes that travel apart."""

from typing import Any, NoReturn

from .record import dataclass


class Secret:
    """A text that refuses to be shown.  ``name`` says which one it is and may be shown.

    ``str``, ``repr`` and ``format`` give ``***``; it cannot be pickled, copied into JSON, joined
    to text or iterated.  Two secrets are equal when their texts are (compared in constant time);
    a secret never equals anything else, its own text included, so that a resource with a secret
    can be compared with one without.  It has no hash, so it is no dictionary key by accident.
    """

    __slots__ = ("__text", "name")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.__text = text

    def reveal(self) -> str:
        """The text itself.  Only where it is used: on a descriptor or on standard input."""
        return self.__text

    def __repr__(self) -> str:
        return f"Secret({self.name!r}, ***)"

    def __str__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented  # which makes == False
        import hmac  # secrets are seldom compared

        return hmac.compare_digest(self.__text.encode(), other.__text.encode())

    def __bool__(self) -> bool:
        """Whether the text has any characters, so that ``if secret`` is not always true."""
        return bool(self.__text)

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError(f"a secret ({self.name}) cannot be pickled or copied")


@dataclass(frozen=True)
class Blob:
    """Bytes that travel beside the plan.  ``sha256`` is hex; ``size`` in bytes, 0 when unknown."""

    sha256: str
    size: int = 0
