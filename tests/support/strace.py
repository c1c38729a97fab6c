"""What strace(1) wrote down of a machine's programs: who called the system how, and four rules.

The trace is of ``strace -f -y`` with ``OPTIONS``.  Each call is told with the user and the program
that made it, which strace does not say: both are followed through forks, set-ids and execs.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from posixpath import basename, dirname, join, normpath

WRITING = frozenset(
    "open openat openat2 creat rename renameat renameat2 link linkat symlink symlinkat mkdir "
    "mkdirat mknod mknodat unlink unlinkat rmdir chmod fchmod fchmodat chown fchown lchown "
    "fchownat truncate ftruncate setxattr fsetxattr lsetxattr utimensat".split()
)
OTHERS = "execve fsync fdatasync chdir setuid setreuid setresuid setfsuid clone clone3 fork vfork"
# -y: descriptors with their paths.  --seccomp-bpf: only these calls stop a program.
OPTIONS = (
    *("-f", "--seccomp-bpf", "-qq", "-y", "-s", "65536", "-e", "signal=none"),
    *("-e", f"trace={','.join([*sorted(WRITING), *OTHERS.split()])}"),
)
FORKS = ("clone", "clone3", "fork", "vfork")
SETS = {"setuid": 0, "setreuid": 1, "setresuid": 1, "setfsuid": 0}  # which argument is effective
SHELLS = {"sh", "bash", "dash", "ash", "zsh", "ksh", "busybox"}

LINE = re.compile(r"(\d+) +(?:<\.\.\. (\w+) resumed>|(\w+)\()(.*)\Z", re.DOTALL)
# A text, a descriptor's path, or anything between; strace writes < > and " in them as escapes.
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|<(?:[^<>\\]|\\.)*>|[^"<>]')


@dataclass(frozen=True)
class Call:
    """One system call, in the order of their beginnings.  ``args`` are as strace prints them."""

    pid: int
    uid: int  # effective
    program: str  # the base name of what was executed last
    cwd: str
    name: str
    args: tuple[str, ...]
    result: str

    @property
    def done(self) -> bool:
        return not self.result.startswith(("-1", "?"))

    @property
    def writes(self) -> bool:
        """Whether it changes something, or opens something to change it."""
        if self.name in ("open", "openat", "openat2"):
            return bool(re.search(r"O_(WRONLY|RDWR|CREAT|TRUNC)", " ".join(self.args)))
        return self.name in WRITING

    @property
    def held(self) -> bool:
        """Whether it works on open descriptors only, or on a plain name in one that is open.

        A name that is opened must not be followed, nor be there already.
        """
        if not at(self.name):
            return self.name in ("fchmod", "fchown", "ftruncate", "fsetxattr")
        words = " ".join(self.args)
        if self.name.startswith("open") and not ("O_NOFOLLOW" in words and "O_EXCL" in words):
            return False
        if self.name == "fchmodat":  # follows
            return False
        return "AT_FDCWD" not in words and not any("/" in name for _, name in self._named)

    @property
    def _named(self) -> list[tuple[str, str]]:
        """Directories and names in them, of a call that takes both."""
        args = self.args[1:] if self.name == "symlinkat" else self.args
        pairs = [args[0:2], args[2:4]] if self.name.startswith(("rename", "link")) else [args]
        return [(shown(pair[0]), text(pair[1]).replace("NULL", ".")) for pair in pairs]

    @property
    def argv(self) -> list[str]:
        """Of execve."""
        return [text(word) for word in split(self.args[1].strip("[]"))]

    @cached_property
    def paths(self) -> tuple[str, ...]:
        """The absolute paths that it works on; of a symbolic link not what it points to."""
        if at(self.name):
            return tuple(normpath(join(folder, name)) for folder, name in self._named)
        if self.name.startswith("f"):
            return (shown(self.args[0]),)
        args = self.args[1:] if self.name == "symlink" else self.args
        count = 2 if self.name in ("rename", "link") else 1
        return tuple(normpath(join(self.cwd, text(arg))) for arg in args[:count])


def at(name: str) -> bool:
    """Whether a call takes a directory and a name in it."""
    return name.endswith(("at", "at2"))


def text(word: str) -> str:
    """What a quoted text of strace's stands for; undecodable bytes as surrogates."""
    if not word.startswith('"'):
        return word
    raw = ast.literal_eval("b" + word.removesuffix("..."))
    return str(raw.decode("utf-8", "surrogateescape"))


def shown(word: str) -> str:
    """The path of a descriptor, ``AT_FDCWD</root>`` or ``3</etc>``."""
    inside = word.partition("<")[2].rpartition(">")[0]
    return text(f'"{inside}"').removesuffix(" (deleted)")


def split(words: str) -> list[str]:
    """The arguments of a call, apart."""
    found, depth = [""], 0
    for token in TOKEN.findall(words):
        if token == "," and not depth:
            found.append("")
            continue
        depth += token in "[{(" and len(token) == 1
        depth -= token in "]})" and len(token) == 1
        found[-1] += token
    return [word.strip() for word in found if word.strip()]


def calls(trace: str, uid: int = 0) -> list[Call]:
    """All calls of a trace whose first process belongs to ``uid``."""
    whole = list(merged(trace.splitlines()))
    parents = {int(c[3]): c[0] for c in whole if c[1] in FORKS and c[3].isdigit()}
    state: dict[int, tuple[int, str, str]] = {}  # uid, program, directory
    found = []
    for pid, name, words, result in whole:
        state.setdefault(pid, state.get(parents.get(pid, 0), (uid, "", "/")))
        args = tuple(split(words))
        call = Call(pid, *state[pid], name, args, result)
        found.append(call)
        if name in FORKS and result.isdigit():
            state[int(result)] = state[pid]
        if not call.done:
            continue
        mine = state[pid]
        if name in SETS and args[SETS[name]] != "-1":
            state[pid] = (int(args[SETS[name]]), *mine[1:])
        elif name == "execve":
            state[pid] = (mine[0], basename(text(args[0])), mine[2])
        elif name == "chdir":
            state[pid] = (*mine[:2], normpath(join(mine[2], text(args[0]))))
    return found


def merged(lines: Iterable[str]) -> Iterator[tuple[int, str, str, str]]:
    """Process, call, arguments and result of each, in the order in which they began."""
    order: list[list[str]] = []
    open_: dict[int, list[str]] = {}
    for line in lines:
        match = LINE.match(line)
        if match is None:
            continue
        pid, resumed, name, rest = int(match[1]), match[2], match[3], match[4]
        if resumed:
            entry = open_.pop(pid, None)
            if entry is None or entry[1] != resumed:
                continue
            entry[2] += rest
        else:
            entry = [match[1], name, rest]
            order.append(entry)
        if entry[2].endswith("<unfinished ...>"):
            entry[2] = entry[2].removesuffix("<unfinished ...>")
            open_[pid] = entry
    for number, name, whole in order:
        words, equals, result = whole.rpartition(" = ")
        if equals:
            yield int(number), name, words.rstrip().removesuffix(")"), result.split(" ")[0]


# --- the rules ------------------------------------------------------------------------------------


def carried(found: Sequence[Call], mark: str, values: Sequence[str]) -> tuple[int, list[str]]:
    """How many arguments hold ``mark``, and what is wrong with them (IN-1).

    A value is in an argument whole, never in the text of a shell, never to be taken for an option.
    """
    seen, wrong = 0, []
    for call in found:
        if call.name != "execve" or not call.done:
            continue
        argv = call.argv
        for number, word in enumerate(argv):
            if mark not in word:
                continue
            seen += 1
            before = argv[:number]
            shell = any(basename(w) in SHELLS for w in before)
            if shell and before[-1].startswith("-") and before[-1].endswith("c"):
                wrong.append(f"in the text of a shell: {argv}")
            if not any(value in word or value.startswith(word) for value in values):
                wrong.append(f"cut apart: {word!r} of {argv}")
            if word in values and word.startswith("-") and "--" not in before:
                wrong.append(f"can be taken for an option: {word!r} of {argv}")
    return seen, wrong


def below(path: str, tops: Set[str]) -> bool:
    """Whether a path is inside one of some directories; not the directory itself."""
    while path != "/":
        path = dirname(path)
        if path in tops:
            return True
    return False


def by_root_inside(found: Sequence[Call], owned: Iterable[str]) -> tuple[list[Call], list[str]]:
    """What root wrote below directories of other users, and which of it by a path (PR-2, PR-1).

    Whoever owns such a directory can swap what a path leads to; what is open stays what it is.
    """
    tops, there = set(owned), []
    for call in found:
        if not call.done:
            continue
        if call.uid == 0 and call.writes and any(below(path, tops) for path in call.paths):
            there.append(call)
        # One that is given away while it is made has another name by the end.
        if call.name == "fchown" and int(call.args[1]) > 0:
            tops.add(call.paths[0])
        elif call.name.startswith("rename") and call.paths[0] in tops:
            tops.add(call.paths[1])
    return there, [f"{c.program}: {c.name}({', '.join(c.args)})" for c in there if not c.held]


def by_root_in_public(
    found: Sequence[Call], public: Iterable[str], *, anew: bool = False
) -> list[str]:
    """What root wrote or tried to write where everybody can make names (PR-3).

    With ``anew`` what it made there under a name that was free, and what it then did with that, is
    left out: programs that are not ours make temporary files so.
    """
    tops, made = frozenset(public), set()
    wrong = []
    for call in found:
        if call.uid != 0 or not call.writes or not any(below(path, tops) for path in call.paths):
            continue
        if call.name.startswith("mkdir") or "O_EXCL" in " ".join(call.args):
            made.add(call.paths[0])
            if anew:
                continue
        if anew and all(path in made or below(path, made) for path in call.paths):
            continue
        wrong.append(f"{call.program}: {call.name}({', '.join(call.args)}) = {call.result}")
    return wrong


def replaced(found: Sequence[Call]) -> tuple[int, list[str]]:
    """How many files were put in another's place by a rename, and which not durably (NO-1).

    What was written has to reach the disk before the rename, and the directory after it, before
    the same process renames or removes anything else there.
    """
    count, wrong = 0, []
    dirty: dict[str, int] = {}  # files made, by path, to the number of fsyncs since
    waiting: dict[int, tuple[str, str]] = {}  # process -> directory not on the disk yet, and why
    for call in found:
        if not call.done:
            continue
        if call.name in ("open", "openat", "creat") and "O_CREAT" in " ".join(call.args):
            dirty[call.paths[0]] = 0
        elif call.name in ("fsync", "fdatasync"):
            path = shown(call.args[0])
            if path in dirty:
                dirty[path] += 1
            if waiting.get(call.pid, ("",))[0] == path:
                del waiting[call.pid]
        elif call.name.startswith("rename") and "/__pycache__/" not in call.paths[1]:
            old, new = call.paths  # byte code is Python's own; what is not there is made again
            if call.pid in waiting:
                wrong.append(waiting.pop(call.pid)[1])
            count += 1
            if dirty.pop(old, 1) == 0:
                wrong.append(f"{new}: renamed before it was on the disk")
            waiting[call.pid] = (dirname(new), f"{new}: its directory did not reach the disk")
    return count, wrong + [why for _, why in waiting.values()]
