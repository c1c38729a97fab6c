"""What may come out of an archive, whatever its format."""

from typing import Dict, Iterable, Iterator, List, Tuple

from ..record import dataclass, field, replace
from .stream import too_large, unsafe

FILE, DIRECTORY, LINK = "file", "directory", "link"
DEPTH = 64  # directories in each other
LONGEST = 255  # bytes of one part of a name: NAME_MAX
TARGET = 4095  # bytes of a link's text: PATH_MAX
NAMES = 16 << 20  # bytes of all names and targets together, which are kept in memory


@dataclass(frozen=True)
class Limits:
    """What an archive may need at most; ``most_bytes`` counts what comes out of it."""

    most_bytes: int = 1 << 30
    most_entries: int = 100_000


@dataclass(frozen=True)
class Member:
    """One thing in an archive.  ``name`` as it stands there until it is judged, then a relative
    path of plain parts; bytes that are no UTF-8 are kept as surrogates.  ``modified`` is a file's
    time in seconds since 1970, 0 when the archive does not tell it."""

    name: str
    kind: str
    executable: bool = False
    target: str = ""
    modified: int = 0
    data: Iterable[bytes] = field(default=(), repr=False, compare=False)


def judged(members: Iterable[Member], limits: Limits, strip: int) -> Iterator[Member]:
    """The members, each directory before what is in it and links last; or ``archive-unsafe``.

    Links come last so that nothing is ever written through one, and none leads out: its target
    climbs only at its beginning, where ``..`` counts real directories, and never above the top.
    A path behind other links could climb from wherever those lead.
    """
    kinds: Dict[str, str] = {}
    links: List[Member] = []
    names = 0
    for member in members:
        parts = _parts(member)[strip:]
        if not parts:
            if member.kind != DIRECTORY:
                raise unsafe(f"strip={strip} leaves nothing of a name", member.name)
            continue
        path = "/".join(parts)
        names += len(path) + len(member.target)
        for count in range(1, len(parts)):
            above = "/".join(parts[:count])
            if kinds.setdefault(above, "") == "":
                kinds[above] = DIRECTORY
                yield Member(above, DIRECTORY)
            elif kinds[above] != DIRECTORY:
                raise unsafe(f"a member stands below a {kinds[above]}", member.name)
        if path in kinds and not kinds[path] == member.kind == DIRECTORY:
            raise unsafe("two members have the same name", member.name)
        known = path in kinds
        kinds[path] = member.kind
        if len(kinds) > limits.most_entries:
            raise too_large("more entries than that", f"{limits.most_entries} entries")
        if names > NAMES:
            raise too_large("longer names than that", f"{NAMES} bytes of names")
        named = replace(member, name=path)
        if member.kind == LINK:
            _check_target(member, len(parts) - 1)
            links.append(named)
        elif not known:
            yield named
    yield from links


def _parts(member: Member) -> Tuple[str, ...]:
    name = member.name
    if "\0" in name or "\0" in member.target:
        raise unsafe("a name holds a NUL", name)
    if name.startswith("/"):
        raise unsafe("a name is absolute", name)
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if ".." in parts:
        raise unsafe("a name climbs with ..", name)
    if not parts and (member.kind != DIRECTORY or not name):
        raise unsafe(f"a {member.kind} has no name", name)
    if len(parts) > DEPTH:
        raise unsafe(f"more than {DEPTH} directories are in each other", name)
    if any(len(part.encode("utf-8", "surrogateescape")) > LONGEST for part in parts):
        raise unsafe(f"a name has more than {LONGEST} bytes", name)
    return parts


def _check_target(link: Member, depth: int) -> None:
    """``depth``: how many directories of the archive the link stands in."""
    target = link.target
    steps = [part for part in target.split("/") if part not in ("", ".")]
    ups = 0
    while ups < len(steps) and steps[ups] == "..":
        ups += 1
    if not target or target.startswith("/") or len(target) > TARGET:
        raise unsafe("a link leads to an absolute path or nowhere", f"{link.name} -> {target}")
    if ups > depth or ".." in steps[ups:]:
        raise unsafe("a link may lead out", f"{link.name} -> {target}")
