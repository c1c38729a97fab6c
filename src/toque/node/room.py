"""Room on a disk, looked for before a build: one that fills the disk takes the site along.

The app writes on the same disk, and so does its database on most machines.
"""

from typing import Optional, Tuple

from .errors import NotReady, StepFailed
from .system import System

MIB = 1 << 20
RELEASE = (
    64 * MIB
)  # an export; most are smaller, and all that is lost by a larger one is this check
ENVIRONMENT = 192 * MIB  # twenty libraries with their byte code; numpy and pandas together
FILES = 2000  # an environment like that


def free(text: str) -> Optional[Tuple[int, int]]:
    """Bytes and files from ``df --output=avail,iavail``; None of what it does not say.  Pure."""
    words = text.split()[-2:]
    try:
        files = FILES if words[1] == "-" else int(words[1])  # btrfs has no such limit
        return int(words[0]), files
    except (IndexError, ValueError):
        return None


def enough(system: System, folder: str, least: int) -> None:
    """Raise ``StepFailed("disk-full")`` when there is less.  Nothing where nobody can say."""
    try:
        argv = ["df", "--output=avail,iavail", "--block-size=1", "--", folder]
        found = free(system.run(argv, check=False, timeout_s=30).text)
    except NotReady:
        return
    if found is None:
        return
    size, files = found
    if size >= least and files >= FILES:
        return
    raise StepFailed(
        "disk-full",
        f"there is too little room below {folder} for a build; nothing was written",
        expected=f"{least // MIB} MiB and {FILES} files",
        found=f"{size // MIB} MiB and {files} files",
        hint=f"see: df -h {folder}; a smaller keep in toque.toml removes old releases",
    )
