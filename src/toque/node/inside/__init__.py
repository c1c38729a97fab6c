"""Programs that the app's own Python runs, as the app's user.

Each is one file that imports nothing of ours, of the standard library only, for Python 3.9 and
newer.  Nothing here is imported by the runtime.
"""

import pkgutil


def text_of(name: str) -> str:
    """The text of ``inside/<name>.py``."""
    return (pkgutil.get_data(__name__, f"{name}.py") or b"").decode("utf-8")
