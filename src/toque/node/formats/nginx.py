"""nginx's configuration, as ``ngx_conf_read_token`` in ngx_conf_file.c reads it."""

from . import Unquotable, one_line

LONGEST = 4000  # bytes; a token has to fit into NGX_CONF_BUFFER, 4096, with what stands before it


def word(value: object) -> str:
    """One token, in double quotes.  ``$`` is refused: nginx has no way to write it literally."""
    text = one_line(value, "nginx")
    if "$" in text:
        raise Unquotable("nginx", "text without $, which starts a variable", text)
    quoted = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if len(quoted.encode()) > LONGEST:
        raise Unquotable("nginx", f"text of at most {LONGEST} bytes, quotes included", text)
    return quoted
