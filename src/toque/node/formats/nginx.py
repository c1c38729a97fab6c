"""nginx's configuration, as ``ngx_conf_read_token`` in ngx_conf_file.c reads it."""

import re

from . import Unquotable, one_line

LONGEST = 4000  # bytes; a token has to fit into NGX_CONF_BUFFER, 4096, with what stands before it
# Words that mean the same bare and quoted, which read better bare: 10m, /srv/www.
_BARE = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./:=@,+%-]*")


def word(value: object) -> str:
    """One token, in double quotes when it needs them.

    ``$`` is refused: nginx has no way to write it literally.
    """
    text = one_line(value, "nginx")
    if "$" in text:
        raise Unquotable("nginx", "text without $, which starts a variable", text)
    bare = _BARE.fullmatch(text)
    quoted = text if bare else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if len(quoted.encode()) > LONGEST:
        raise Unquotable("nginx", f"text of at most {LONGEST} bytes, quotes included", text)
    return quoted
