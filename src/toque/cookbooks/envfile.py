"""An environment file whose values come back byte for byte."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import BadCookbook
from ..fleet.names import VARIABLE
from ..node.values import Secret
from .quoting import Unquotable, env


def encode_env(name: str, values: Mapping[str, str | Secret], *, place: str = "") -> Secret:
    """``NAME="value"`` lines, sorted, read the same by systemd's EnvironmentFile= and /bin/sh.

    The whole text is one secret called ``name``.  Raises ``BadCookbook("bad-variable")``.
    """
    lines = []
    for variable in sorted(values):
        value = values[variable]
        if not VARIABLE.fullmatch(variable):
            raise BadCookbook(
                "bad-variable",
                f"{variable!r} cannot be a variable's name",
                expected="A-Z a-z _ first, then also 0-9",
                found=repr(variable),
                place=place,
            )
        try:
            quoted = env(value.reveal() if isinstance(value, Secret) else value)
        except Unquotable:
            raise BadCookbook(
                "bad-variable",
                f"the value of {variable} cannot be in an environment",
                expected="text without a NUL character",
                found="a NUL character",
                place=place,
            ) from None
        lines.append(f"{variable}={quoted}\n")
    return Secret(name, "".join(lines))
