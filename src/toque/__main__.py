"""``python -m toque``."""

from .cli import main

main()
