"""The controller's half of the bootstrap that ``boot.py`` is the node's half of."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from time import monotonic

from toque.errors import Unreachable

from .pipe import PipeChannel, clean
from .shipping import Runtime

NOISE_LIMIT = 64 << 10  # bytes that a login script may print before us
PATIENCE_S = 60.0  # for each answer; ConnectTimeout and keepalives end a dead network sooner

#: Standard error and exit status of a program that never said it was ready.
ExplainStart = Callable[[str, int], Unreachable]


def start(
    channel: PipeChannel,
    runtime: Runtime,
    argv: Sequence[str],
    *,
    explain: ExplainStart,
    state: str = "",
    patience_s: float = PATIENCE_S,
) -> None:
    """Talk until the runtime has taken over, or end the channel and raise ``Unreachable``.

    ``state`` replaces the node's state directory, for tests and for those who are not root.
    """
    header: dict[str, object] = {
        "runtime": runtime.sha256,
        "size": len(runtime.data),
        "argv": list(argv),
    }
    if state:
        header["state"] = state
    try:
        channel.send(json.dumps(header).encode())
        answer = _answer(channel, explain, patience_s)
        if answer["type"] == "need-runtime":
            channel.send_bytes(runtime.data)
            answer = _answer(channel, explain, patience_s)
        if answer["type"] != "ready":
            raise refused(str(answer.get("code", "")), str(answer.get("found", "")))
    except BaseException:
        channel.__exit__()
        raise


def _answer(channel: PipeChannel, explain: ExplainStart, patience_s: float) -> dict[str, object]:
    """The next line that is ours; what a login script prints before it is passed over."""
    noise = b""
    deadline = monotonic() + patience_s
    while len(noise) < NOISE_LIMIT:
        try:
            line = channel.read_line(deadline - monotonic())
        except TimeoutError:
            raise Unreachable(
                "node-silent",
                "the connection stands but the node does not answer",
                expected=f"our program to answer within {patience_s:g} s",
                found="nothing",
                hint="look at the node's load and memory",
                log=channel.stderr_tail,
            ) from None
        if line is None:
            status = channel.wait()
            # "This account is currently not available." comes on standard output.
            raise explain(clean(noise.decode("utf-8", "replace")) + channel.stderr, status)
        if line.startswith(b"{"):
            try:
                answer = json.loads(line)
            except (ValueError, RecursionError):
                answer = None
            if isinstance(answer, dict) and answer.get("type") in (
                "need-runtime",
                "ready",
                "refused",
            ):
                return answer
        noise += line + b"\n"
    raise Unreachable(
        "bootstrap-failed",
        "the node prints too much before our program starts",
        expected=f"less than {NOISE_LIMIT >> 10} KiB from login scripts",
        found=f"{len(noise)} bytes",
        hint="look at ~/.bashrc and ForceCommand of the login user",
    )


def refused(code: str, found: str) -> Unreachable:
    """What ``boot.py`` found wrong with the node.  Pure; both words come from the node."""
    found = clean(found)[:500]
    if code == "python-too-old":
        return Unreachable(
            "python-too-old",
            "the node's python3 is too old for us",
            expected="Python 3.9 or newer as python3",
            found=found,
            hint="upgrade the node's operating system",
        )
    if code == "needs-root":
        return Unreachable(
            "needs-root",
            "we can only converge a machine as root",
            expected="uid 0",
            found=found,
            hint="log in as root, or use a user with sudo and tell us so",
        )
    if code == "node-not-writable":
        return Unreachable(
            "node-not-writable",
            "the node could not store our program",
            expected="a writable /var/lib/toque with some MiB free",
            found=found,
            hint="df -h /var/lib; findmnt -T /var/lib",
        )
    if code == "node-state-unsafe":
        return Unreachable(
            "node-state-unsafe",
            "others can write where root's programs are kept, so we do not run from there",
            expected="directories that belong to root and only root can write",
            found=found,
            hint="chown root:root /var/lib/toque && chmod 0755 /var/lib/toque",
        )
    if code == "runtime-damaged":
        return Unreachable(
            "runtime-damaged",
            "our program did not arrive on the node as it was sent",
            expected="the bytes we sent, by their hash",
            found=found,
            hint="run the same command again",
        )
    return Unreachable(
        "bootstrap-failed",
        "the node refused for a reason we do not know",
        found=f"{clean(code)[:100]} {found}".strip(),
    )
