"""How much memory a service has, and how much is left: proc(5)."""

from typing import Dict, List

from ..system import System


def memory_of(system: System, pid: int) -> int:
    """Bytes that a process and those below it have in memory; 0 when nobody can say.

    What they share is counted for each: an upper bound, good for comparing two of one kind.
    """
    children: Dict[int, List[int]] = {}
    sizes: Dict[int, int] = {}
    for name in system.names("/proc") if pid else ():
        if name.isdigit():
            lines = _lines(system, f"/proc/{name}/status")
            sizes[int(name)] = _kib(lines, "VmRSS") << 10
            children.setdefault(int(lines.get("PPid", "0")), []).append(int(name))
    total, todo = 0, [pid]
    while todo:
        one = todo.pop()
        total += sizes.get(one, 0)
        todo += children.get(one, [])
    return total


def free_share(system: System) -> float:
    """The share of the machine's memory that programs can still get; 1.0 when nobody can say."""
    lines = _lines(system, "/proc/meminfo")
    total = _kib(lines, "MemTotal")
    return _kib(lines, "MemAvailable") / total if total else 1.0


def _lines(system: System, path: str) -> Dict[str, str]:
    """``name: value`` lines of a file; none of a process that has ended."""
    try:
        text = system.read(path).decode("utf-8", "replace")
    except OSError:
        return {}
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


def _kib(lines: Dict[str, str], name: str) -> int:
    words = lines.get(name, "").split()
    return int(words[0]) if words and words[0].isdigit() else 0
