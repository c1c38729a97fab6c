"""A program's streams while it runs: lines told as they come, and only the end of them kept."""

import os
import selectors
import subprocess
import time
from typing import Any, Callable, Dict, Tuple

KEPT = 256 << 10  # bytes of each stream; who prints more is not read to the end by anybody
PAUSE_S = 0.25  # between two told lines: a terminal shows one, but the journal keeps them all
LEFT_BEHIND_S = 0.3  # how long output may still come when the program itself has ended
LOOK_S = 0.1  # how often it is seen that a program has ended without closing its output


def follow(
    process: "subprocess.Popen[bytes]",
    stdin: bytes,
    timeout_s: float,
    tell: Callable[[str], None],
) -> Tuple[bytes, bytes]:
    """Feed and read a process to its end; the last ``KEPT`` bytes of its output and error.

    ``tell`` is given the newest whole line of either, at most one each ``PAUSE_S`` seconds.
    What a program leaves running in the background may hold its streams open: that is not waited
    for.  Raises ``subprocess.TimeoutExpired``; the process is then still there.
    """
    kept: Dict[Any, bytearray] = {process.stdout: bytearray(), process.stderr: bytearray()}
    try:
        _copy(process, kept, stdin, time.monotonic() + timeout_s, tell)
        process.wait()
    except subprocess.TimeoutExpired as error:
        error.output, error.stderr = (bytes(output) for output in kept.values())
        raise
    finally:
        for stream in (process.stdin, *kept):
            if stream is not None:
                stream.close()
    return bytes(kept[process.stdout]), bytes(kept[process.stderr])


def _copy(
    process: "subprocess.Popen[bytes]",
    kept: Dict[Any, bytearray],
    stdin: bytes,
    until: float,
    tell: Callable[[str], None],
) -> None:
    """Feed and read until the process and its output have ended."""
    rest = memoryview(stdin)
    told = ended = 0.0
    with selectors.DefaultSelector() as selector:
        for stream in kept:
            selector.register(stream, selectors.EVENT_READ)
        if process.stdin is not None:
            os.set_blocking(process.stdin.fileno(), False)
            selector.register(process.stdin, selectors.EVENT_WRITE)
        while selector.get_map() or process.poll() is None:
            now = time.monotonic()
            if now > until:
                raise subprocess.TimeoutExpired(process.args, 0)
            if process.poll() is not None:
                ended = ended or now
                if now > ended + LEFT_BEHIND_S:
                    return
            for key, _ in selector.select(min(until - now, LOOK_S)):
                if key.fileobj is process.stdin:
                    rest = _fed(key.fd, rest)
                    if not rest:
                        selector.unregister(process.stdin)
                        process.stdin.close()
                    continue
                chunk = os.read(key.fd, 1 << 16)
                if not chunk:
                    selector.unregister(key.fileobj)
                    continue
                output = kept[key.fileobj]
                output += chunk
                line = _newest_line(output)
                del output[:-KEPT]
                if line and now >= told + PAUSE_S:
                    told = now
                    tell(line)


def _fed(fd: int, rest: memoryview) -> memoryview:
    """What is left to write; nothing when nobody reads it."""
    try:
        return rest[os.write(fd, rest) :] if rest else rest
    except BlockingIOError:
        return rest
    except BrokenPipeError:
        return memoryview(b"")


def _newest_line(output: bytearray) -> str:
    """The last whole line that says anything, at most 200 characters of it."""
    end = output.rfind(b"\n")
    if end < 0:
        return ""
    line = bytes(output[output.rfind(b"\n", 0, end) + 1 : end]).decode("utf-8", "replace")
    return line.strip()[:200]
