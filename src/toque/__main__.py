"""``toque`` and ``python -m toque``."""

import sys


def main() -> None:
    """The program."""
    from .ahead import begin

    ahead = begin(sys.argv[1:])
    from .cli import main as run  # takes as long as half a connection

    run(ahead=ahead)


if __name__ == "__main__":
    main()
