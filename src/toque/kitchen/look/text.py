"""Values as a failed assertion shows them: short, and without what is nobody's business."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping

LONGEST = 200  # characters of a text that are shown


def decoded(text: str) -> bytes:
    return base64.b64decode(text)


def encoded(data: bytes | str) -> str:
    return base64.b64encode(data.encode() if isinstance(data, str) else data).decode()


def short(text: str) -> str:
    """A text as Python would write it, its middle left out when it is long."""
    if len(text) <= LONGEST:
        return repr(text)
    half = LONGEST // 2
    return f"{text[:half]!r} ... {len(text) - LONGEST} more ... {text[-half:]!r}"


class Variables(Mapping[str, str]):
    """An environment.  Only its names are shown, as values may be secrets."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"<{len(self)} variables: {', '.join(sorted(self))}; their values are not shown>"
