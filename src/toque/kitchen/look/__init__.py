"""Looking at a machine, for assertions: one file for each thing that can be looked at.

``inside`` has the fixture, ``ask`` the way to the machine, ``probe`` what answers there.
"""

from .ask import Ask, NotSeen, ThroughCommand, ThroughDriver, python_words
from .inside import Inside

__all__ = ["Ask", "Inside", "NotSeen", "ThroughCommand", "ThroughDriver", "python_words"]
