"""The mark on a machine that the kitchen may try things on.  Runs there, as root, on its python3.

    python3 - take TEXT        prints "taken", "node", or what somebody else's mark says
    python3 - give-back TEXT   a mark that says something else stays

A machine where Toque has been without a mark is a node.  An empty mark says that a kitchen had the
machine and gave it back: what Toque left there belongs to no node.
"""

from __future__ import annotations

import fcntl
import os
import sys

MARK = "/var/lib/toque-kitchen"
STATE = "/var/lib/toque"  # where Toque keeps what it must know of a node


def main(verb: str, text: str) -> str:
    while True:
        if not os.path.exists(MARK):
            if verb == "give-back":
                return "given back"
            if os.path.exists(STATE):
                return "node"
        handle = os.open(MARK, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX)
        try:  # whoever gave it back may have removed it in between
            if os.fstat(handle).st_ino == os.stat(MARK).st_ino:
                break
        except FileNotFoundError:
            pass
        os.close(handle)
    there = os.read(handle, 65536).decode()
    if verb == "take" and there in ("", text):
        os.pwrite(handle, text.encode(), 0)
        os.fsync(handle)
        return "taken"
    if verb == "give-back" and there == text:
        if os.path.exists(STATE):
            os.ftruncate(handle, 0)
        else:
            os.unlink(MARK)
        return "given back"
    return there


if __name__ == "__main__":
    print(main(*sys.argv[1:]))
