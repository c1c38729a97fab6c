"""The last that Toque takes away of itself: its memory, and its own program.

The runtime that does it lies in that memory; what it needs of itself it has read by then.
"""

from . import journal
from .agent import PROGRAM
from .system import System


def forget(system: System, state: str) -> str:
    """Remove the memory of all runs.  Nothing, and why in words, when a run still goes on."""
    holder = journal.holder_of(state)
    if holder:
        return f"a run of {holder.get('by', '?')} goes on"
    system.remove(PROGRAM)
    system.remove_tree(state)
    return ""
