"""The one way an archive becomes files: read strictly, judged as a whole, written by descriptor.

Standard extractors are no boundary: Python 3.11's ``data`` filter let one of eight hostile archives
out, Debian 12's Python has no filter at all, and what one reader of a format skips another one
reads.  So tar and zip are read here, by the letter, and whatever two readers could understand
differently is refused:

* ``tar.py`` and ``zip.py`` turn bytes into members, with memory for one of them at a time;
* ``members.py`` decides about names, kinds, links and sizes, the same for both;
* ``fill.py`` writes what is left into an empty directory that nobody else can enter.
"""

from typing import BinaryIO, Iterator

from .members import Limits, Member, judged
from .stream import Budget, opened

__all__ = ["Limits", "Member", "read"]


def read(file: BinaryIO, limits: Limits, *, strip: int = 0) -> Iterator[Member]:
    """The members of a tar (plain, .gz, .bz2, .xz) or zip, links last, each name once.

    ``strip`` leaves out that many directories at the front of each name.  The data of a member is
    read before the next one is asked for.  Raises ``StepFailed`` with ``archive-unsafe``,
    ``archive-too-large`` or ``archive-damaged``, at the member that is to blame.
    """
    size = file.seek(0, 2)
    file.seek(0)
    budget = Budget(limits.most_bytes, size)
    if file.read(4) == b"PK\x03\x04":
        from . import zip as form

        return judged(form.members(file, size, limits, budget), limits, strip)
    from . import tar

    file.seek(0)
    return judged(tar.members(opened(file, budget)), limits, strip)
