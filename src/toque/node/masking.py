"""Secrets taken out of everything that a run says."""

import json
from typing import Any, Callable, Iterator, Mapping, Set

SHORTEST = 6  # shorter texts are left alone: masking those would tear ordinary words apart
MASK = "***"


def masker(secrets: Mapping[str, str]) -> Callable[[Any], Any]:
    """A function that replaces every secret's text in every string of a JSON value.

    A text of several lines is also masked line by line, since logs and diffs show lines; and as
    programs print it when they quote: in JSON, in a Python literal, in a URL.
    """
    texts: Set[str] = set()
    for text in secrets.values():
        texts.update(part for part in spellings(text) if len(part) >= SHORTEST)
    ordered = sorted(texts, key=len, reverse=True)

    def mask(value: Any) -> Any:
        if isinstance(value, str):
            for text in ordered:
                if text in value:
                    value = value.replace(text, MASK)
            return value
        if isinstance(value, (list, tuple)):
            return [mask(item) for item in value]
        if isinstance(value, dict):
            return {key: mask(item) for key, item in value.items()}
        return value

    return mask if ordered else (lambda value: value)


def spellings(text: str) -> Iterator[str]:
    """The ways in which a text turns up in what programs print."""
    from urllib.parse import quote, quote_plus  # only a run with secrets pays for it

    for part in (text, *text.splitlines()):
        yield part
        yield part.strip()
        yield json.dumps(part)[1:-1]
        yield json.dumps(part, ensure_ascii=False)[1:-1]
        yield repr(part)[1:-1]
        yield quote(part, safe="", errors="replace")
        yield quote(part, errors="replace")
        yield quote_plus(part, errors="replace")
