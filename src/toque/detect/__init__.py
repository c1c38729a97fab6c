"""What a Python web project is, seen from its files alone: nothing of it is imported or run.

``detect(tree)`` gives a ``Detected``: values, each with the file and line that it comes from.
It is pure; a tree is read through the small protocol of ``tree.py``, so that a work tree and a
git commit are the same to it.
"""

from .found import Detected
from .look import detect

__all__ = ["Detected", "detect"]
