"""Start a program that outlives us: ``python3 -I detach.py IDENTITY_FILE LOG ARGV...``.

Ends when the program has been started and who it is, ``[pid, start time]``, is written down.  The
program belongs to nobody: no terminal, own session, adopted by the host's first process.
Stdlib only.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path


def main(identity: Path, log: str, argv: list[str]) -> None:
    started, tell = os.pipe2(os.O_CLOEXEC)
    if os.fork():
        os.close(tell)
        complaint = os.read(started, 4096)  # empty when exec closed it
        sys.stderr.buffer.write(complaint)
        os._exit(1 if complaint else 0)
    try:
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDWR)
        out = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.dup2(nothing, 0)
        os.dup2(out, 1)
        os.dup2(out, 2)
        os.chdir("/")
        stat = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        staged = identity.with_name(f".{identity.name}")
        staged.write_text(json.dumps([os.getpid(), int(stat[19])]))
        staged.replace(identity)
        os.execvp(argv[0], argv)
    except OSError as error:
        os.write(tell, str(error).encode())
    os._exit(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
