"""Small texts from https addresses whose owner is verified; no redirect leads elsewhere."""

from __future__ import annotations

import ssl
import urllib.error
import urllib.request

from ..errors import Failed

LONGEST = 1_000_000  # bytes; GitHub's meta page, with all its address ranges, has about 150,000
TIMEOUT_S = 20.0


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def fetch(url: str, *, context: ssl.SSLContext | None = None) -> bytes:
    """The bytes at ``url``.  Raises ``Failed("hostkey-source-unreachable")``.

    ``context`` replaces the machine's own list of certificate authorities (tests).
    """
    if not url.startswith("https://"):
        raise ValueError("only https says whose answer it is")
    opener = urllib.request.build_opener(
        urllib.request.HTTPSHandler(context=context or ssl.create_default_context()), _NoRedirect
    )
    request = urllib.request.Request(url, headers={"User-Agent": "toque", "Accept": "*/*"})  # noqa: S310 - https, see above
    try:
        with opener.open(request, timeout=TIMEOUT_S) as answer:
            data: bytes = answer.read(LONGEST + 1)
    except (OSError, ValueError) as error:  # URLError and HTTPError are OSErrors
        raise _unreachable(url, str(getattr(error, "reason", "") or error)) from error
    if len(data) > LONGEST:
        raise _unreachable(url, f"more than {LONGEST} bytes")
    return data


def _unreachable(url: str, found: str) -> Failed:
    return Failed(
        "hostkey-source-unreachable",
        f"{url} cannot be read",
        expected="its text, over a connection whose certificate is good",
        found=found,
        hint="toque hostkey add HOST takes a key that you have compared yourself",
    )
