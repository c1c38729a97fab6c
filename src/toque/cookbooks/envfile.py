"""An environment file of an app, as a secret."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import BadCookbook
from ..node.formats import environment
from ..node.resource import Invalid
from ..node.values import Secret


def encode_env(name: str, values: Mapping[str, str | Secret], *, place: str = "") -> Secret:
    """``NAME="value"`` lines, sorted, read the same by systemd's EnvironmentFile= and /bin/sh.

    The whole text is one secret called ``name``.  Raises ``BadCookbook("bad-variable")``.
    """
    plain = {n: v.reveal() if isinstance(v, Secret) else v for n, v in values.items()}
    try:
        return Secret(name, environment.encode_env(plain))
    except Invalid as error:
        raise BadCookbook(
            "bad-variable",
            f"this cannot be in an environment: {error.field}",
            expected=error.expected,
            found=str(error.found),
            place=place,
        ) from None
