"""``toque`` and ``python -m toque``."""

import os
import sys


def main() -> None:
    """The program.  Its modules are not taken apart at its end: that takes 10 ms, for nothing."""
    try:
        _main()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _main() -> None:
    from . import redial

    calls = redial.begin(sys.argv[1:])
    from .ahead import begin

    ahead = begin(sys.argv[1:], calls)
    from .cli import main as run  # takes as long as half a connection

    run(ahead=ahead)


if __name__ == "__main__":
    main()
