"""supervisord's own interface: XML-RPC over its unix socket (supervisor 4.2, rpcinterface.py).

``supervisorctl`` is a Python that starts for each question (0.3-0.5 s on a busy machine); this is
2 ms.  Nothing here waits: supervisord answers a call that waits only when its loop wakes up, up to
a second late, while every question wakes it.

Import this module only where supervisor runs: xmlrpc costs tens of ms.
"""

import http.client
import xmlrpc.client
from typing import Any, Dict, FrozenSet

from ..unixhttp import UnixConnection
from .daemon import NoAnswer, Program, Refused

_FAULTS = {
    10: "BAD_NAME",
    11: "BAD_SIGNAL",
    20: "NO_FILE",
    21: "NOT_EXECUTABLE",
    30: "FAILED",
    40: "ABNORMAL_TERMINATION",
    50: "SPAWN_ERROR",
    60: "ALREADY_STARTED",
    70: "NOT_RUNNING",
    90: "ALREADY_ADDED",
    91: "STILL_RUNNING",
    92: "CANT_REREAD",
}


class Supervisord:
    """The supervisord that listens at ``path``."""

    def __init__(self, path: str, *, timeout_s: float = 60.0) -> None:
        self._path = path
        self._timeout_s = timeout_s

    def programs(self) -> Dict[str, Program]:
        return {info["name"]: _program(info) for info in self._call("getAllProcessInfo")}

    def reread(self) -> FrozenSet[str]:
        added, changed, _ = self._call("reloadConfig")[0]
        return frozenset([*added, *changed])

    def add(self, name: str) -> None:
        self._call("addProcessGroup", name)

    def remove(self, name: str) -> None:
        self._call("removeProcessGroup", name)

    def start(self, name: str) -> None:
        self._call("startProcess", name, False)

    def stop(self, name: str) -> None:
        self._call("stopProcess", name, False)

    def signal(self, name: str, signal: str) -> None:
        self._call("signalProcess", name, signal)

    def _call(self, method: str, *arguments: Any) -> Any:
        body = xmlrpc.client.dumps(arguments, f"supervisor.{method}").encode()
        connection = UnixConnection(self._path, self._timeout_s)
        try:
            connection.request("POST", "/RPC2", body, {"Content-Type": "text/xml"})
            response = connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswer(f"{self._path}: {error}") from error
        finally:
            connection.close()
        if response.status != 200:
            raise NoAnswer(f"{self._path}: {response.status} {response.reason}")
        try:
            return xmlrpc.client.loads(text)[0][0]
        except xmlrpc.client.Fault as fault:
            if fault.faultCode not in _FAULTS:  # SHUTDOWN_STATE, or another supervisor
                raise NoAnswer(f"{self._path}: {fault.faultString}") from fault
            raise Refused(_FAULTS[fault.faultCode], str(fault.faultString)) from fault
        except Exception as error:  # expat's own errors and those of xmlrpc
            raise NoAnswer(f"{self._path}: not XML-RPC: {error!r}") from error


def _program(info: Any) -> Program:
    return Program(
        state=str(info["statename"]),
        pid=int(info["pid"]),
        exit_status=int(info["exitstatus"]),
        said=str(info["spawnerr"]),
    )
