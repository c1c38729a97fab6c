"""Lines of the logs that a request leaves, as entries that can be merged by time.  Pure."""

import json
import re
from datetime import datetime, timezone
from typing import Any, Iterable, List, Mapping, Optional, Sequence, Tuple

from ..record import dataclass, field

APP, NGINX, ACCESS, DEPLOYS = "app", "nginx", "access", "deploys"

_ERROR = re.compile(
    r"(?P<at>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) \[(?P<level>\w+)\] \d+#\d+: (?:\*\d+ )?(?P<text>.*)"
)
_REQUEST = re.compile(r', request: "(?P<method>\S+) (?P<uri>\S+)')
_OURS = re.compile(r"\[(?P<id>[A-Za-z0-9_-]{1,64})\] ")
# What app servers begin their lines with: gunicorn, uWSGI and granian, Python's logging.
_TIMES: Tuple[Tuple["re.Pattern[str]", str], ...] = (
    (re.compile(r"\[[\w-]{1,64}\] toque: .* at (\S+Z)$"), "%Y-%m-%d %H:%M:%S %z"),  # ours
    (re.compile(r"\[(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4})\]"), "%Y-%m-%d %H:%M:%S %z"),
    (re.compile(r"\[?(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d)"), "%Y-%m-%d %H:%M:%S"),
    (re.compile(r"(\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}) - "), "%a %b %d %H:%M:%S %Y"),
)


@dataclass(frozen=True)
class Entry:
    """One line of a log.  ``at`` is seconds since 1970, ``source`` app, nginx, access or deploys.

    ``release`` is whose process wrote it, ``request`` the id of the request it is about; ``data``
    are the parts of a line that has some (of nginx's access log, its JSON).
    """

    at: float
    source: str
    text: str
    release: str = ""
    request: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> Mapping[str, Any]:
        told = {"at": round(self.at, 6), "source": self.source, "text": self.text}
        if self.release:
            told["release"] = self.release
        if self.request:
            told["request"] = self.request
        return told


def app_line(at: float, text: str, release: str) -> Entry:
    """A line of the app's own; the middleware begins its lines with the request's id."""
    ours = _OURS.match(text)
    return Entry(at, APP, text, release, ours.group("id") if ours else "")


def untimed(lines: Iterable[str], last: float, release: str) -> List[Entry]:
    """Lines of a file without times of its own: each has that of the nearest one above that says
    one, and none is later than ``last``, when the file was written to."""
    entries = []
    at = 0.0
    for line in lines:
        at = said_time(line) or at
        entries.append(app_line(at, line, release))
    # What stands above the first time is told with it; without any, all of it with the last.
    first = next((entry.at for entry in entries if entry.at), last)
    return [app_line(min(entry.at or first, last), entry.text, entry.release) for entry in entries]


def said_time(line: str) -> float:
    """The time that a line begins with, or 0."""
    for pattern, form in _TIMES:
        found = pattern.match(line)
        if found is None:
            continue
        said = found.group(1).replace("T", " ") if "-" in found.group(1) else found.group(1)
        try:
            when = datetime.strptime(said.replace("Z", " +0000"), form)  # noqa: DTZ007
        except ValueError:
            continue
        return when.timestamp() if when.tzinfo else when.astimezone().timestamp()
    return 0.0


def nginx_line(line: str) -> Optional[Entry]:
    """A line of nginx's error log, which writes local time without a zone."""
    found = _ERROR.match(line)
    if found is None:
        return None
    when = datetime.strptime(found.group("at"), "%Y/%m/%d %H:%M:%S").astimezone()
    asked = _REQUEST.search(line)
    data = {"level": found.group("level")}
    if asked:
        data.update(asked.groupdict())
    return Entry(when.timestamp(), NGINX, found.group("text"), data=data)


def access_line(line: str) -> Optional[Entry]:
    """A line of our access log: JSON, see templates/shared.conf.j2 of the cookbook nginx."""
    try:
        said = json.loads(line)
        at = float(said.get("at") or iso(str(said["time"])))
        text = f"{said['status']} {said['method']} {said['uri']} {said['seconds']:.3f} s"
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    request = str(said.get("request_id", ""))
    return Entry(at, ACCESS, text, request=request, data=said)


def journal_line(line: str, release: str = "") -> Optional[Entry]:
    """A line of ``journalctl -o json``; bytes that are no text come as a list of numbers."""
    try:
        said = json.loads(line)
        at = int(said["__REALTIME_TIMESTAMP"]) / 1e6
        text = said.get("MESSAGE") or ""
    except (ValueError, KeyError, TypeError):
        return None
    if isinstance(text, list):
        text = bytes(text).decode("utf-8", "replace")
    entry = app_line(at, str(text), release)
    pid = str(said.get("_PID", ""))
    return Entry(entry.at, APP, entry.text, release, entry.request, {"pid": pid})


def iso(text: str) -> float:
    """Seconds since 1970 of a time as ISO 8601 has it; Python 3.9 knows no ``Z``."""
    when = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return (when if when.tzinfo else when.replace(tzinfo=timezone.utc)).timestamp()


def merged(entries: Iterable[Entry], most: int) -> Sequence[Entry]:
    """By time; lines of one moment and source stay in their order.  The last ``most``."""
    return sorted(entries, key=lambda entry: entry.at)[-most:]
