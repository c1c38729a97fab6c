"""Reads tar by the letter: POSIX ustar and pax, GNU long names (tar(5) of libarchive).

``tarfile`` reads the header of a long name or of pax into memory whole, whatever size it claims.
"""

from typing import Dict, Iterator

from .members import DIRECTORY, FILE, LINK, Member
from .stream import PART, Stream, damaged, too_large, unsafe

BLOCK = 512
EXTENDED = 1 << 20  # bytes of one pax or GNU header; real ones have some hundred
KINDS = {b"0": FILE, b"\0": FILE, b"7": FILE, b"5": DIRECTORY, b"2": LINK}
REFUSED = {
    b"1": "a hard link",
    b"3": "a character device",
    b"4": "a block device",
    b"6": "a FIFO",
    b"S": "a sparse file",
}


def members(stream: Stream) -> Iterator[Member]:
    """The members in the order they stand in; after the last only zeros may follow."""
    told: Dict[str, bytes] = {}  # what extended headers say of the next member
    while True:
        header = stream.read(BLOCK)
        if not any(header):
            break
        if _number(header[148:156]) != sum(header) - sum(header[148:156]) + 8 * 32:
            raise damaged("the checksum of a header is wrong")
        kind, size = header[156:157], _number(header[124:136])
        if kind in (b"L", b"K"):
            told["path" if kind == b"L" else "linkpath"] = _long(stream, size)
        elif kind in (b"x", b"g"):
            said = _records(_payload(stream, size))
            if any(key.startswith("GNU.sparse") for key in said):
                raise unsafe("a file is sparse", repr(sorted(said)))
            if kind == b"x":
                told.update(said)
            elif said.keys() & {"path", "linkpath", "size"}:
                raise unsafe("one name or size is given to all members", repr(sorted(said)))
        else:
            yield from _member(stream, header, kind, told)
            told = {}
    if told:
        raise damaged("it ends behind an extended header")
    while part := stream.some(PART):
        if any(part):
            raise unsafe("something follows its end", "another archive, or other bytes")


def _member(stream: Stream, header: bytes, kind: bytes, told: Dict[str, bytes]) -> Iterator[Member]:
    prefix = _text(header[345:500]) if header[257:263] == b"ustar\0" else b""
    name = told.get("path", b"/".join(part for part in (prefix, _text(header[:100])) if part))
    if kind in REFUSED or kind not in KINDS:
        raise unsafe(f"a member is {REFUSED.get(kind, f'of kind {kind!r}')}", _word(name))
    what = KINDS[kind]
    if what == FILE and name.endswith(b"/"):  # before there was a kind for directories
        what = DIRECTORY
    size = _size(told["size"]) if "size" in told else _number(header[124:136])
    if what != FILE and size:
        raise unsafe(f"a {what} has content", _word(name))
    target = told.get("linkpath", _text(header[157:257])) if what == LINK else b""
    data = _data(stream, size)
    yield Member(
        _word(name),
        what,
        executable=bool(_number(header[100:108]) & 0o100),
        target=_word(target),
        modified=_number(header[136:148]),
        data=data,
    )
    for _ in data:  # whatever nobody wanted
        pass


def _data(stream: Stream, size: int) -> Iterator[bytes]:
    left = size
    while left:
        part = stream.read(min(left, PART))
        left -= len(part)
        yield part
    stream.read(-size % BLOCK)


def _payload(stream: Stream, size: int) -> bytes:
    if size > EXTENDED:
        raise too_large(f"an extended header of {size} bytes", f"{EXTENDED} bytes")
    return b"".join(_data(stream, size))


def _long(stream: Stream, size: int) -> bytes:
    payload = _payload(stream, size)
    return payload[:-1] if payload.endswith(b"\0") else payload


def _records(payload: bytes) -> Dict[str, bytes]:
    """``LENGTH KEY=VALUE\\n`` after each other; the length counts itself."""
    said: Dict[str, bytes] = {}
    while payload:
        digits, _, _ = payload.partition(b" ")
        length = _size(digits)
        record, payload = payload[:length], payload[length:]
        key, equals, value = record[len(digits) + 1 : -1].partition(b"=")
        if len(record) != length or length <= len(digits) + 1 or record[-1:] != b"\n" or not equals:
            raise damaged("a pax record is wrong")
        said[_word(key)] = value
    return said


def _size(digits: bytes) -> int:
    if not digits.isdigit() or len(digits) > 20:
        raise damaged("a number is wrong")
    return int(digits)


def _number(raw: bytes) -> int:
    """Octal digits, or GNU's binary form, which begins with the byte 0x80."""
    if raw[0] == 0x80:
        return int.from_bytes(raw[1:], "big")
    text = raw.strip(b" \0")
    try:
        return int(text, 8) if text else 0
    except ValueError as error:
        raise damaged("a number is wrong") from error


def _text(raw: bytes) -> bytes:
    """A field up to its first NUL."""
    return raw.partition(b"\0")[0]


def _word(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
