"""A bounded load on a throwaway machine, and an exact account of how it was answered.

    load = Load(LoadPlan(address="127.0.0.1", port=8080, expect={"/": r"Hello Thena\\n.*"}))
    load.start()
    ...                      # deploy, roll back, break things
    result = load.stop()     # result.failed, result.longest_gap_ms

Requests are due at fixed times whatever the server does (an open loop: a slow server does not
slow the load), and latency counts from when a request was due.  Some workers keep their
connection, the others open one for each request.  Every answer must be 200, as long as announced,
and its whole body must match the pattern of its path.

Nothing is retried, with the one exception that every HTTP client makes: when the server closes a
*kept* connection before it sends any byte of an answer, it may have closed it for being idle just
as the request left, and a GET is then repeated once on a new connection (RFC 9112 section 9.3.1).
Those are counted apart, as ``stale_reconnects``.
"""

from .account import LoadResult
from .generator import Load, run_load
from .plan import Ask, LoadPlan
from .talks import Talks
from .websocket import Ended, WebSocket

__all__ = ["Ask", "Ended", "Load", "LoadPlan", "LoadResult", "Talks", "WebSocket", "run_load"]
