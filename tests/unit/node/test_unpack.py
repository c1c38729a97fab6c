"""Hostile archives come to nothing: nothing outside is written, no more than agreed on comes out,
and memory does not grow with what an archive claims."""

import bz2
import gzip
import io
import lzma
import os
import struct
import subprocess
import tarfile
import tracemalloc
import warnings
import zipfile

import pytest

from toque.node.errors import StepFailed
from toque.node.model import Facts
from toque.node.realsystem import RealSystem
from toque.node.unpack import Limits, read
from toque.node.unpack.fill import fill

ME, MINE = str(os.geteuid()), str(os.getegid())
CAP = 1 << 20  # bytes that a hostile archive may write at most
LIMITS = Limits(most_bytes=CAP, most_entries=1000)
END = b"\0" * 1024
VICTIM = b"victim"


def header(name=b"a", size=0, *, kind=b"0", target=b"", mode=0o644, prefix=b""):
    """One tar header, with whatever is asked for in it."""
    numbers = b"%07o\0" % mode + b"0000000\0" * 2
    length = b"%011o\0" % size if size < 8**11 else b"\x80" + size.to_bytes(11, "big")
    head = name.ljust(100, b"\0") + numbers + length + b"0" * 11 + b"\0"
    tail = (
        kind
        + target.ljust(100, b"\0")
        + b"ustar\x0000"
        + b"\0" * (345 - 265)
        + prefix.ljust(155, b"\0")
    )
    tail = tail.ljust(512 - 156, b"\0")
    checksum = sum(head) + 8 * 32 + sum(tail)
    return head + b"%06o\0 " % checksum + tail


def entry(name=b"a", data=b"", **rest):
    return header(name, len(data), **rest) + data + b"\0" * (-len(data) % 512)


def pax(**said):
    records = b""
    for key, value in said.items():
        body = b" " + key.replace("__", ".").encode() + b"=" + value + b"\n"
        length = len(body) + 1
        while len(str(length)) + len(body) != length:
            length += 1
        records += str(length).encode() + body
    return entry(b"pax", records, kind=b"x")


def link(name, target):
    return header(name, kind=b"2", target=target)


def zipped(members, *, comment=b""):
    """A zip of ``(name, data, unix mode)``."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that are there twice: that is what is wanted
        for name, data, mode in members:
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 3, mode << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
        archive.comment = comment
    return memory.getvalue()


def link_chain():
    """Links longer than PATH_MAX when they are followed by text: CVE-2025-4517."""
    long = b"d" * 90
    made, above = b"", b""
    for _ in range(60):
        made += header(above + long, kind=b"5") if len(above) < 5 else b""
        made += link(above[:5] + b"l", b"d" * 90)
        above = b"l/" + above
    return made + link(b"out", b"l/" * 45 + b"../" * 48) + entry(b"out/victim", b"owned")


def two_directories():
    """Two zips in one: a reader from the end sees only the second."""
    one, two = zipped([("a", b"1", 0o644)]), zipped([("../victim", b"2", 0o644)])
    return one + two


def hidden_member():
    """A member that the directory does not name."""
    whole = zipped([("a", b"1" * 50, 0o644), ("b", b"2", 0o644)])
    start = struct.unpack("<L", whole[-6:-2])[0]
    first = whole.index(b"PK\1\2", start)
    second = whole.index(b"PK\1\2", first + 4)
    end = whole[-22:]
    length = len(whole) - 22 - second
    fields = end[:8] + struct.pack("<2H2LH", 1, 1, length, start, 0)
    return whole[:start] + whole[second:-22] + fields


def overlapping():
    """Two entries over the same packed bytes, as in a bomb that multiplies."""
    whole = bytearray(zipped([("a", b"1" * 50, 0o644), ("a", b"1" * 50, 0o644)]))
    start = struct.unpack("<L", whole[-6:-2])[0]
    second = whole.index(b"PK\1\2", start + 4)
    whole[second + 42 : second + 46] = b"\0\0\0\0"
    return bytes(whole)


def renamed_member():
    """A name in the directory that is not the member's own."""
    whole = bytearray(zipped([("aaaa", b"1", 0o644)]))
    start = struct.unpack("<L", whole[-6:-2])[0]
    whole[start + 46 : start + 50] = b"../v"
    return bytes(whole)


HOSTILE = {
    "absolute name": entry(b"/tmp/victim") + END,
    "name that climbs": entry(b"a/../../victim") + END,
    "name that climbs, from a prefix": entry(b"victim", prefix=b"..") + END,
    "link, then a file behind it": link(b"l", b"..") + entry(b"l/victim") + END,
    "link inside, then a file through it": header(b"d", kind=b"5")
    + link(b"l", b"d")
    + entry(b"l/victim")
    + END,
    "absolute link": link(b"l", b"/etc") + END,
    "link that climbs": link(b"d/l", b"../../victim") + END,
    "link that climbs through another": link(b"a/b/c", b"../..") + link(b"x", b"a/b/c/../..") + END,
    "link chain longer than a path": link_chain() + END,
    "hard link out": header(b"h", kind=b"1", target=b"../victim") + END,
    "character device": header(b"null", kind=b"3") + END,
    "block device": header(b"sda", kind=b"4") + END,
    "FIFO": header(b"fifo", kind=b"6") + END,
    "unknown kind": header(b"x", kind=b"V") + END,
    "duplicate name": entry(b"a", b"1") + entry(b"a", b"2") + END,
    "duplicate name, spelled otherwise": entry(b"a", b"1") + entry(b"./a", b"2") + END,
    "file, then a directory of its name": entry(b"a", b"1") + entry(b"a/b", b"2") + END,
    "file, then a link of its name": entry(b"a", b"1") + link(b"a", b"b") + END,
    "empty name": entry(b"") + END,
    "dot as a file": entry(b".") + END,
    "NUL in a pax name": pax(path=b"a\0b") + entry() + END,
    "pax name that climbs": pax(path=b"../victim") + entry() + END,
    "pax link that climbs": pax(linkpath=b"../victim") + link(b"l", b"ok") + END,
    "pax size that uncovers a member": pax(size=b"0") + entry(b"a", header(b"../victim")) + END,
    "GNU name that climbs": entry(b"L", b"../victim\0", kind=b"L") + entry() + END,
    "name of one part too long": entry(b"L", b"x" * 256 + b"\0", kind=b"L") + entry() + END,
    "names in each other too deep": entry(b"L", b"d/" * 65 + b"x\0", kind=b"L") + entry() + END,
    "extended header of 5 GB": header(b"x", 5 << 30, kind=b"x") + END,
    "GNU name of 5 GB": header(b"x", 5 << 30, kind=b"L") + END,
    "pax record longer than it is": entry(b"x", b"99999 path=a\n", kind=b"x") + entry() + END,
    "global name": entry(b"g", b"17 path=../victi\n", kind=b"g") + entry() + END,
    "sparse bomb, GNU": header(b"s", 0, kind=b"S") + END,
    "sparse bomb, pax": pax(GNU__sparse__major=b"1", GNU__sparse__realsize=b"99999999999")
    + entry()
    + END,
    "file of 8 EB": header(b"a", 1 << 63) + END,
    "file that is cut off": header(b"a", 4096) + b"x" * 512,
    "trailing archive": entry(b"a", b"1") + END + entry(b"../victim", b"2") + END,
    "trailing gzip": gzip.compress(entry(b"a") + END) + gzip.compress(entry(b"../victim") + END),
    "trailing bytes after bzip2": bz2.compress(entry(b"a") + END) + b"garbage",
    "trailing bytes after xz": lzma.compress(entry(b"a") + END) + b"garbage",
    "wrong checksum": entry(b"a").replace(b"ustar", b"ustaR") + END,
    "no end": entry(b"a", b"1"),
    "gzip bomb": gzip.compress(header(b"a", 50 << 20) + bytes(50 << 20) + END),
    "bzip2 bomb": bz2.compress(header(b"a", 50 << 20) + bytes(50 << 20) + END),
    "xz bomb": lzma.compress(header(b"a", 50 << 20) + bytes(50 << 20) + END),
    "endless zeros after the end": gzip.compress(entry(b"a") + bytes(50 << 20)),
    "zip: two central directories": two_directories(),
    "zip: a member nobody names": hidden_member(),
    "zip: members over each other": overlapping(),
    "zip: two names for one member": renamed_member(),
    "zip: trailing archive": zipped([("a", b"1", 0o644)]) + entry(b"../victim") + END,
    "zip: a second end in the comment": zipped([], comment=b"PK\5\6" + bytes(18)),
    "zip: absolute name": zipped([("/tmp/victim", b"", 0o644)]),
    "zip: name that climbs": zipped([("../victim", b"", 0o644)]),
    "zip: duplicate name": zipped([("a", b"1", 0o644), ("a", b"2", 0o644)]),
    "zip: absolute link": zipped([("l", b"/etc", 0o120777)]),
    "zip: link, then a file behind it": zipped([("l", b"..", 0o120777), ("l/victim", b"", 0o644)]),
    "zip: device": zipped([("null", b"", 0o020666)]),
    "zip: bomb": zipped([("a", bytes(50 << 20), 0o644)]),
    "zip: cut off": zipped([("a", b"1", 0o644)])[:-10],
    "no archive at all": b"#!/bin/sh\n" * 100,
    "nothing": b"",
}


def entries(number):
    """A stream of that many empty files, made while it is read."""

    class Endless(io.RawIOBase):
        def __init__(self):
            self.made = 0
            self.rest = b""

        def readable(self):
            return True

        def readinto(self, into):
            while not self.rest and self.made < number:
                self.rest = header(b"%d" % self.made)
                self.made += 1
            part, self.rest = self.rest[: len(into)], self.rest[len(into) :]
            into[: len(part)] = part
            return len(part)

        def seek(self, offset, whence=0):
            if whence == 0:
                self.made, self.rest = 0, b""
            return number * 512 if whence == 2 else 0

    return Endless()


@pytest.fixture
def box(tmp_path):
    """A directory to fill, with a victim beside it; ``written()`` says what is where."""
    inside = tmp_path / "outer" / "inside"
    inside.mkdir(parents=True, mode=0o700)
    (tmp_path / "victim").write_bytes(VICTIM)
    (tmp_path / "outer" / "victim").write_bytes(VICTIM)
    return inside


def unpack(data, inside, limits=LIMITS, **rest):
    file = io.BytesIO(data) if isinstance(data, bytes) else data
    fill(str(inside), read(file, limits, **rest), owner=ME, group=MINE)


def foreign_writes(inside):
    """What is outside and should not be."""
    top = inside.parent.parent
    outside = {str(p.relative_to(top)) for p in top.rglob("*") if not p.is_relative_to(inside)}
    changed = [p for p in (top / "victim", top / "outer/victim") if p.read_bytes() != VICTIM]
    links = [p for p in inside.rglob("*") if not p.resolve().is_relative_to(inside)]
    return outside - {"victim", "outer", "outer/victim"} | set(changed) | set(links)


def taken(inside):
    return sum(p.lstat().st_size for p in inside.rglob("*") if p.is_file() and not p.is_symlink())


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_archive_is_refused(name, box):
    with pytest.raises(StepFailed) as failed:
        unpack(HOSTILE[name], box)
    assert failed.value.code in ("archive-unsafe", "archive-too-large", "archive-damaged")
    assert not foreign_writes(box)
    assert taken(box) <= CAP


def test_counts_of_all_hostile_archives(tmp_path, record_property):
    foreign, most = 0, 0
    for number, data in enumerate(HOSTILE.values()):
        inside = tmp_path / str(number) / "outer" / "inside"
        inside.mkdir(parents=True, mode=0o700)
        for victim in (inside.parent / "victim", inside.parent.parent / "victim"):
            victim.write_bytes(VICTIM)
        with pytest.raises(StepFailed):
            unpack(data, inside)
        foreign += len(foreign_writes(inside))
        most = max(most, taken(inside))
    said = f"{len(HOSTILE)} archives: foreign writes {foreign}, bytes {most} <= {CAP}"
    record_property("figure", said)
    assert (foreign, most <= CAP) == (0, True)


def test_the_counts_see_an_extractor_that_follows(tmp_path):
    """What the standard one does with some of them: the counts are not zero by themselves."""
    inside = tmp_path / "outer" / "inside"
    inside.mkdir(parents=True)
    for victim in (inside.parent / "victim", tmp_path / "victim"):
        victim.write_bytes(VICTIM)
    with tarfile.open(fileobj=io.BytesIO(HOSTILE["link, then a file behind it"])) as archive:
        archive.extractall(inside, filter="fully_trusted")
    assert foreign_writes(inside)


def test_a_million_entries_end_at_the_limit_and_in_bounded_memory(record_property):
    tracemalloc.start()
    with pytest.raises(StepFailed) as failed:
        for _ in read(entries(1_000_000), Limits(most_bytes=10 << 30, most_entries=20_000)):
            pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert failed.value.code == "archive-too-large"
    assert "20000 entries" in failed.value.expected
    record_property("figure", f"10^6 entries: memory grew by {peak >> 10} KiB")
    assert peak < 20 << 20, f"{peak >> 20} MiB"


@pytest.mark.parametrize("name", ["gzip bomb", "bzip2 bomb", "xz bomb", "zip: bomb"])
def test_a_bomb_does_not_grow_memory(name, box, record_property):
    data = HOSTILE[name]
    tracemalloc.start()
    with pytest.raises(StepFailed) as failed:
        unpack(data, box)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert failed.value.code == "archive-too-large"
    record_property("figure", f"{name} of 50 MiB: memory grew by {peak >> 10} KiB")
    assert peak < 16 << 20, f"{peak >> 20} MiB"  # of which xz -6 takes 8 for itself


def test_an_xz_that_wants_more_memory_is_refused(box):
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 512 << 20}]
    packed = io.BytesIO()
    compressor = lzma.LZMACompressor(lzma.FORMAT_XZ, filters=[{**filters[0], "dict_size": 4096}])
    packed.write(compressor.compress(entry(b"a") + END) + compressor.flush())
    whole = bytearray(packed.getvalue())
    # The size of the dictionary is one byte in the block's header: 37 means 1 GiB.
    at = whole.index(b"\x21\x01", 12) + 2
    whole[at] = 37
    start = 12
    length = (whole[start] + 1) * 4
    import zlib

    whole[start + length - 4 : start + length] = struct.pack(
        "<L", zlib.crc32(bytes(whole[start : start + length - 4]))
    )
    with pytest.raises(StepFailed) as failed:
        unpack(bytes(whole), box)
    assert failed.value.code == "archive-damaged"
    assert "emory" in failed.value.found


@pytest.mark.parametrize("name", ["extended header of 5 GB", "GNU name of 5 GB"])
def test_a_claimed_size_is_not_believed(name, box):
    with pytest.raises(StepFailed) as failed:
        unpack(HOSTILE[name], box, Limits(most_bytes=100 << 30))
    assert failed.value.code == "archive-too-large"


def test_ratio_is_judged_by_what_comes_out(box):
    packed = gzip.compress(header(b"a", 50 << 20) + bytes(50 << 20) + END)
    with pytest.raises(StepFailed) as failed:
        unpack(packed, box, Limits(most_bytes=1 << 30))
    assert failed.value.code == "archive-too-large"
    assert taken(box) <= 16 << 20


def test_a_directory_that_is_swapped_for_a_link_is_not_followed(box):
    """The racer wins every time: it swaps between two members, and gets nothing."""
    prey = box.parent.parent / "prey"
    prey.mkdir()
    members = iter(list(read(io.BytesIO(
        header(b"d", kind=b"5") + header(b"e", kind=b"5") + entry(b"d/a", b"1")
        + entry(b"e/a", b"1") + entry(b"d/b", b"2") + END
    ), LIMITS)))  # fmt: skip

    def racing():
        for number, member in enumerate(members):
            if number == 4:  # "d" was left for "e" and is about to be entered again
                os.rename(box / "d", box / "moved")
                os.symlink(prey, box / "d")
            yield member

    with pytest.raises(StepFailed):
        fill(str(box), racing(), owner=ME, group=MINE)
    assert os.listdir(prey) == []


def test_a_directory_that_is_swapped_while_it_is_open_keeps_what_is_written(box):
    prey = box.parent.parent / "prey"
    prey.mkdir()
    members = read(io.BytesIO(entry(b"d/a", b"1") + entry(b"d/b", b"2") + END), LIMITS)

    def racing():
        for member in members:
            if member.name == "d/b":
                os.rename(box / "d", box / "moved")
                os.symlink(prey, box / "d")
            yield member

    fill(str(box), racing(), owner=ME, group=MINE)
    assert os.listdir(prey) == []
    assert sorted(os.listdir(box / "moved")) == ["a", "b"]


@pytest.mark.parametrize("mode", [0o755, 0o770])
def test_a_directory_that_others_can_enter_is_not_filled(box, mode):
    box.chmod(mode)
    with pytest.raises(StepFailed) as failed:
        unpack(entry(b"a") + END, box)
    assert failed.value.code == "unsafe-path"


def test_set_id_bits_and_open_modes_are_left_out(box):
    unpack(
        entry(b"su", b"x", mode=0o6755) + entry(b"w", b"x", mode=0o666)
        + header(b"d", kind=b"5", mode=0o3777) + END, box
    )  # fmt: skip
    modes = {p.name: oct(p.stat().st_mode & 0o7777) for p in box.iterdir()}
    assert modes == {"su": "0o755", "w": "0o644", "d": "0o755"}


def test_case_twins_are_two_files(box):
    """On a file system that takes them for one the second is refused: it is made exclusively."""
    unpack(entry(b"A", b"1") + entry(b"a", b"2") + END, box)
    assert ((box / "A").read_bytes(), (box / "a").read_bytes()) == (b"1", b"2")


def test_nothing_is_written_over(box):
    twice = list(read(io.BytesIO(entry(b"a", b"") + END), LIMITS)) * 2
    with pytest.raises(StepFailed) as failed:
        fill(str(box), twice, owner=ME, group=MINE)
    assert failed.value.code == "wrong-kind"


def good(folder):
    """A tree such as projects publish."""
    (folder / "proj-1.0" / "bin").mkdir(parents=True)
    (folder / "proj-1.0" / "bin" / "run").write_bytes(b"#!/bin/sh\n")
    (folder / "proj-1.0" / "bin" / "run").chmod(0o755)
    (folder / "proj-1.0" / ("long" * 40)).write_bytes(b"long name\n")
    (folder / "proj-1.0" / "ü").write_bytes(b"u\n" * 100_000)
    (folder / "proj-1.0" / "empty").write_bytes(b"")
    (folder / "proj-1.0" / "current").symlink_to("bin/run")
    (folder / "proj-1.0" / "bin" / "up").symlink_to("../ü")


def is_good(top):
    assert (top / "bin" / "run").read_bytes() == b"#!/bin/sh\n"
    assert (top / "bin" / "run").stat().st_mode & 0o777 == 0o755
    assert (top / ("long" * 40)).read_bytes() == b"long name\n"
    assert (top / "bin" / "up").read_bytes() == b"u\n" * 100_000
    assert (top / "empty").stat().st_mode & 0o777 == 0o644
    assert os.readlink(top / "current") == "bin/run"
    assert len(list(top.rglob("*"))) == 7


class TestWhatProjectsPublish:
    @pytest.mark.parametrize("packing", ["", "z", "j", "J"])
    @pytest.mark.parametrize("form", ["gnu", "oldgnu", "pax"])
    def test_gnu_tar(self, tmp_path, box, form, packing):
        good(tmp_path)
        archive = tmp_path / "a.tar"
        argv = ["tar", f"--format={form}", f"-c{packing}f", archive, "-C", tmp_path, "proj-1.0"]
        subprocess.run(argv, check=True)
        unpack(archive.read_bytes(), box, strip=1)
        is_good(box)

    @pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
    def test_python(self, tmp_path, box, form):
        good(tmp_path)
        memory = io.BytesIO()
        with tarfile.open(fileobj=memory, mode="w:gz", format=form) as archive:
            archive.add(tmp_path / "proj-1.0", "./proj-1.0")
        unpack(memory.getvalue(), box, strip=1)
        is_good(box)

    @pytest.mark.parametrize("form", ["tar", "tar.gz", "zip"])
    def test_git_archive(self, tmp_path, box, form):
        good(tmp_path)
        top = tmp_path / "proj-1.0"
        (top / "gone").mkdir()
        git = ["git", "-C", top, "-c", "user.name=x", "-c", "user.email=x@localhost"]
        for argv in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"]):
            subprocess.run([*git, *argv], check=True)
        made = subprocess.run(
            [*git, "archive", f"--format={form}", "--prefix=p/", "HEAD"],
            check=True,
            capture_output=True,
        )
        unpack(made.stdout, box, strip=1)
        is_good(box)

    def test_streams_behind_each_other(self, box):
        whole = entry(b"a", b"1" * 5000) + END
        for packed in (
            gzip.compress(whole[:700]) + gzip.compress(whole[700:]),
            bz2.compress(whole[:700]) + bz2.compress(whole[700:]),
            lzma.compress(whole[:700]) + lzma.compress(whole[700:]),
        ):
            (member,) = read(io.BytesIO(packed), LIMITS)
            assert member.name == "a"

    def test_zip_made_from_a_stream_has_its_sizes_behind_the_data(self, box):
        class Pipe(io.RawIOBase):
            data = b""

            def writable(self):
                return True

            def write(self, part):
                self.data += bytes(part)
                return len(part)

        pipe = Pipe()
        with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("d/a", b"1" * 100_000)
            archive.writestr("b", b"")
        unpack(pipe.data, box)
        assert (box / "d" / "a").read_bytes() == b"1" * 100_000

    def test_names_that_are_no_text_come_out_as_they_are(self, box):
        unpack(entry(b"\xff\xfe", b"1") + END, box)
        assert os.listdir(os.fsencode(box)) == [b"\xff\xfe"]


def test_exchange_is_at_once(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_bytes(b"")
    RealSystem(Facts()).exchange(str(tmp_path / "a"), str(tmp_path / "b"))
    assert os.listdir(tmp_path / "a") == ["b"]
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]
