"""Reads zip by the letter (APPNOTE 6.3), and only where one reading of it is possible.

A zip can be read from its front (each member's own header) and from its end (the directory).  Here
both have to say the same: members stand one behind the other from the first byte on, then the
directory, then its end, and nothing else.  So a second directory, a second archive or a file
between members has no place to be.
"""

import struct
import zlib
from typing import BinaryIO, Iterator, List, NamedTuple

from .members import DIRECTORY, FILE, LINK, TARGET, Limits, Member
from .stream import PART, Budget, damaged, too_large, unsafe

END = struct.Struct("<4s4H2LH")
ENTRY = struct.Struct("<4s6H3L5H2L")
LOCAL = struct.Struct("<4s5H3L2H")
STORED, DEFLATED = 0, 8
DESCRIPTOR = 8  # flag: size and checksum follow the data
KNOWN = DESCRIPTOR | 0x800 | 6  # and UTF-8 names, and how hard the deflater tried
UNIX = 3
KINDS = {0: FILE, 0o100000: FILE, 0o040000: DIRECTORY, 0o120000: LINK}


class Entry(NamedTuple):
    """What the directory says of a member; ``offset`` and sizes in bytes."""

    name: bytes
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    mode: int
    offset: int


def members(file: BinaryIO, size: int, limits: Limits, budget: Budget) -> Iterator[Member]:
    """The members in the order they stand in."""
    entries, start = _directory(file, size, limits)
    ends = {0}  # where the next member may begin: a data descriptor has two lengths
    for entry in sorted(entries, key=lambda one: one.offset):
        if entry.offset not in ends:
            raise unsafe("there is a gap or an overlap between members", _word(entry.name))
        data = _local(file, entry) + entry.packed
        ends = {data + 12, data + 16} if entry.flags & DESCRIPTOR else {data}
        yield from _member(file, entry, budget)
    if start not in ends:
        raise unsafe("something stands between the members and the directory", "other bytes")


def _directory(file: BinaryIO, size: int, limits: Limits) -> "tuple[List[Entry], int]":
    """All entries, and where the directory begins."""
    tail_at = max(0, size - END.size - 0xFFFF)
    file.seek(tail_at)
    tail = file.read(size - tail_at)
    at = tail.rfind(b"PK\5\6")
    if at < 0 or at + END.size > len(tail):
        raise damaged("there is no directory at its end")
    _, disk, first, here, count, length, start, comment = END.unpack_from(tail, at)
    if tail_at + at + END.size + comment != size:
        raise unsafe("something follows its end", "other bytes")
    if disk or first or here != count or 0xFFFF in (count,) or 0xFFFFFFFF in (length, start):
        raise unsafe("it has several parts or is of the kind zip64", f"{count} entries")
    if start + length != tail_at + at:
        raise unsafe("its directory is not where it has to be", f"at {start}")
    if count > limits.most_entries:
        raise too_large(f"{count} entries", f"{limits.most_entries} entries")
    file.seek(start)
    entries = []
    for _ in range(count):
        raw = file.read(ENTRY.size)
        if len(raw) < ENTRY.size or raw[:4] != b"PK\1\2":
            raise damaged("its directory has fewer entries than it says")
        fields = ENTRY.unpack(raw)
        made_by, flags, method, crc = fields[1], fields[3], fields[4], fields[7]
        packed, whole, name, extra, remark = fields[8:13]
        mode = fields[15] >> 16 if made_by >> 8 == UNIX else 0
        named = file.read(name)
        file.seek(extra + remark, 1)
        entries.append(Entry(named, flags, method, crc, packed, whole, mode, fields[16]))
    if file.tell() != start + length:
        raise unsafe("its directory has more than it says", f"{count} entries")
    return entries, start


def _local(file: BinaryIO, entry: Entry) -> int:
    """Go to where the data of a member begins, and say where that is.

    The member's own header has to agree with the directory.
    """
    file.seek(entry.offset)
    raw = file.read(LOCAL.size)
    if len(raw) < LOCAL.size or raw[:4] != b"PK\3\4":
        raise damaged("a member is not where the directory says")
    fields = LOCAL.unpack(raw)
    name = file.read(fields[9])
    if (fields[2], fields[3], name) != (entry.flags, entry.method, entry.name):
        raise unsafe("a member's header and the directory differ", _word(entry.name))
    return file.seek(entry.offset + LOCAL.size + len(name) + int(fields[10]))


def _member(file: BinaryIO, entry: Entry, budget: Budget) -> Iterator[Member]:
    name = _word(entry.name)
    if entry.flags & ~KNOWN or entry.method not in (STORED, DEFLATED):
        raise unsafe("a member is encrypted or packed in another way than deflate", name)
    kind = DIRECTORY if name.endswith("/") else KINDS.get(entry.mode & 0o170000, "")
    if not kind:
        raise unsafe("a member is a device, a FIFO or a socket", name)
    if kind == DIRECTORY and entry.size:
        raise unsafe("a directory has content", name)
    data = _data(file, entry, budget)
    target = ""
    if kind == LINK:
        if entry.size > TARGET:
            raise unsafe("a link's target is too long", name)
        target = _word(b"".join(data))
    yield Member(name, kind, bool(entry.mode & 0o100), target, data=data)
    for _ in data:  # whatever nobody wanted
        pass


def _data(file: BinaryIO, entry: Entry, budget: Budget) -> Iterator[bytes]:
    """The bytes of a member; nothing else is read from ``file`` until they have ended."""
    seen, crc = 0, 0
    for part in _inflated(file, entry):
        seen += len(part)
        crc = zlib.crc32(part, crc)
        budget.take(len(part))
        if seen > entry.size:
            break
        yield part
    if (seen, crc) != (entry.size, entry.crc):
        raise damaged("a member's size or checksum is wrong")


def _inflated(file: BinaryIO, entry: Entry) -> Iterator[bytes]:
    inflater = zlib.decompressobj(-15)
    left = entry.packed
    waiting = b""
    while left or waiting:
        if not waiting:
            waiting = file.read(min(left, PART))
            if not waiting:
                raise damaged("it ends in the middle")
            left -= len(waiting)
        if entry.method == STORED:
            part, waiting = waiting, b""
        elif inflater.eof:
            raise damaged("a member is followed by other bytes")
        else:
            try:
                part = inflater.decompress(waiting, PART)
            except zlib.error as error:
                raise damaged(str(error)) from error
            waiting = inflater.unconsumed_tail or inflater.unused_data
        yield part
    while entry.method == DEFLATED and entry.packed and not inflater.eof:  # what it held back
        part = inflater.decompress(b"", PART)
        if not part:
            raise damaged("it ends in the middle")
        yield part


def _word(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
