"""How an app is served: what decides which of its habits do harm."""

import re
from typing import Mapping, Tuple

from ..record import dataclass


@dataclass(frozen=True)
class Served:
    """``preload`` when the app is imported once and its server then forks; else each of the
    ``processes`` imports it for itself.  ``interface`` is what the server speaks, ``wsgi`` or
    ``asgi``, or empty.  ``free_kb`` is what can still be allocated, ``swap_kb`` beyond that."""

    app: str
    entry: str
    server: str
    processes: int
    host: str
    code: str
    shared: str
    preload: bool = False
    interface: str = ""
    free_kb: int = 0
    swap_kb: int = 0
    accepts: Tuple[str, ...] = ()

    def set_variable(self, name: str) -> str:
        """How a variable is set."""
        return (
            f'write {name} = "..." under [apps.{self.app}.env], or {name} = "generate" under '
            f"[apps.{self.app}.secrets] in toque.toml"
        )

    def accept(self, code: str) -> str:
        """How a refusal is overruled."""
        return f'accepts = ["{code}"] under [apps.{self.app}]'


def preloads(server: str, settings: str, environ: Mapping[str, str]) -> bool:
    """Whether a server imports the app once and then forks, by its settings.  Pure.

    uWSGI does unless it is told to be lazy, gunicorn only when it is told to; granian and uvicorn
    have each worker import for itself.
    """
    if server == "uwsgi":
        return not re.search(r"^\s*lazy(-apps)?\s*=\s*(true|1|yes|on)\b", settings, re.M | re.I)
    if server == "gunicorn":
        given = environ.get("GUNICORN_CMD_ARGS", "")
        return (
            bool(re.search(r"^\s*preload_app\s*=\s*True\b", settings, re.M)) or "--preload" in given
        )
    return False
