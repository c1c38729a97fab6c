"""JUnit's XML, as CI reads it: a suite for each machine, in one file."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping
from pathlib import Path

from ..errors import unwritable
from .outcome import EMPTY, FAILED, HUNG, SKIPPED, Check, Result

TAGS = {FAILED: "failure", HUNG: "failure", SKIPPED: "skipped", EMPTY: "skipped"}


def write(file: Path, results: Mapping[str, Result]) -> None:
    """Raises ``AskedWrongly("file-unwritable")``."""
    _write(file, document(results))


def merge(file: Path, parts: Iterable[Path]) -> None:
    """Put what others have written into one file.  Raises ``AskedWrongly("file-unwritable")``."""
    root = ET.Element("testsuites", {"name": "toque verify"})
    for part in parts:
        root.extend(ET.parse(part).getroot())  # noqa: S314 - a process of ours has written it
    _write(file, _text(root))


def _write(file: Path, text: bytes) -> None:
    try:
        file.write_bytes(text)
    except OSError as error:
        raise unwritable(f"the report {file.name}", file.parent, error) from error


def _text(root: ET.Element) -> bytes:
    text: str = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'.encode()


def document(results: Mapping[str, Result]) -> bytes:
    """The results of the machines, each by its name.

    What pytest itself writes knows nothing of a check that asserts nothing, and is not there at
    all when pytest had to be ended.  A suite that is no success without a failed check, as it has
    none, gets an error of its own.
    """
    root = ET.Element("testsuites", {"name": "toque verify"})
    for machine, result in results.items():
        broken = not result.ok and result.failed == 0
        suite = ET.SubElement(
            root,
            "testsuite",
            {
                "name": machine,
                "tests": str(len(result.each) + broken),
                "failures": str(result.failed),
                "errors": str(int(broken)),
                "skipped": str(result.skipped + result.empty),
                "time": f"{sum(check.seconds for check in result.each):.3f}",
            },
        )
        for check in result.each:
            _case(suite, check)
        if broken:
            case = ET.SubElement(suite, "testcase", {"classname": "toque", "name": "verify"})
            error = ET.SubElement(case, "error", {"message": _printable(result.summary)})
            error.text = _printable(result.output)
    return _text(root)


def _case(suite: ET.Element, check: Check) -> None:
    file, _, name = check.id.partition("::")
    where = {"classname": file.removesuffix(".py").replace("/", "."), "name": _printable(name)}
    case = ET.SubElement(suite, "testcase", {**where, "time": f"{check.seconds:.3f}"})
    if check.outcome in TAGS:
        found = ET.SubElement(case, TAGS[check.outcome], {"message": _printable(check.message)})
        found.text = _printable(check.details)


def _printable(text: str) -> str:
    """XML 1.0 has no control characters but these three, and no lone surrogates."""
    kept = "".join(c if c >= " " or c in "\t\n\r" else "?" for c in text)
    return kept.encode("utf-8", "replace").decode()
