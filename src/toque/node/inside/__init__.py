"""Programs that the app's own Python runs, as the app's user.

Each is one file that imports nothing of ours, of the standard library only, for Python 3.9 and
newer.  Nothing here is imported by the runtime.
"""

import json
import pkgutil
from typing import Any, Mapping, Tuple

# The app's directory is not on sys.path yet: a json.py of the app's is not taken for Python's own.
START = (
    "import sys;sys.path[:1]=[];import json;asked=json.load(sys.stdin);"
    "exec(compile(asked['program'],'<rehearsal>','exec'),"
    "{'__name__':'<rehearsal>','ASKED':asked['options']})"
)


def text_of(name: str) -> str:
    """The text of ``inside/<name>.py``."""
    return (pkgutil.get_data(__name__, f"{name}.py") or b"").decode("utf-8")


def started(name: str, python: str, options: Mapping[str, Any]) -> Tuple[Tuple[str, ...], bytes]:
    """The argument list that runs ``inside/<name>.py`` with ``python``, and its input.

    What it is asked comes by its standard input: nothing of it is in an argument list.
    """
    order = {"program": text_of(name), "options": dict(options)}
    return (python, "-c", START), json.dumps(order).encode()
