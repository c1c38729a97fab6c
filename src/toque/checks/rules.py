"""All rules, in the order in which the documentation lists them."""

from __future__ import annotations

from . import (
    access_token,
    allowances,
    command_always,
    command_unguarded,
    import_broken,
    plain_secret,
    private_key,
    recipe_broken,
    restart_unasked,
    secret_readable,
    secret_revealed,
    shell_string,
    shell_value,
    template_broken,
    unknown_attribute,
    unused_attribute,
    unused_file,
)

RULES = (
    import_broken.RULE,
    recipe_broken.RULE,
    template_broken.RULE,
    unknown_attribute.RULE,
    unused_attribute.RULE,
    unused_file.RULE,
    private_key.RULE,
    access_token.RULE,
    plain_secret.RULE,
    secret_readable.RULE,
    secret_revealed.RULE,
    restart_unasked.RULE,
    command_unguarded.RULE,
    command_always.RULE,
    shell_string.RULE,
    shell_value.RULE,
    allowances.WRONG,
    allowances.UNUSED,
)
