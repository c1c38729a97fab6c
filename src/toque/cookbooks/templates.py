"""Jinja2 templates of one cookbook: strict, limited to its folder, blind to secrets.

Values are never template source, and nothing is rendered twice.  What a value may do to the text
around it is the business of the filters, one for each place where a value can stand.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import BadCookbook, nearest
from ..node.formats import Unquotable, ini, nginx, postgres, unit
from ..node.values import Secret
from .place import place_in_file

if TYPE_CHECKING:
    from jinja2 import Environment

# By the name that a template uses: how a value is written there.
FILTERS = {
    "ini": ini.line,
    "nginx": nginx.word,
    "pg_name": postgres.name,
    "pg_setting": postgres.setting,
    "unit": unit.word,
    "unit_line": unit.line,
}


class SecretSeen(Exception):
    """A template reached for a secret."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the secret {name}")
        self.name = name


def prepare() -> None:
    """Import the engine, which takes a while, before somebody waits for a text."""
    import jinja2  # noqa: F401


def render(root: Path, template: str, values: Mapping[str, object], *, place: str = "") -> str:
    """The text of ``templates/<template>`` below ``root`` with ``values``.

    ``place`` is where the recipe asked for it.  Raises ``BadCookbook``: ``template-missing``,
    ``template-undefined``, ``template-syntax``, ``secret-in-template``, ``unquotable-value``,
    ``template-failed``.
    """
    from jinja2 import TemplateNotFound, TemplateSyntaxError, UndefinedError

    folder = root / "templates"
    try:
        for name, value in values.items():
            _no_secret(value, name)
        return _environment(folder).get_template(template).render(values)
    except TemplateNotFound as error:
        there = names_in(folder)
        raise BadCookbook(
            "template-missing",
            f"there is no template '{error.name}'",
            expected=f"a file in {folder}",
            found=f"only {', '.join(there)}" if there else "no templates at all",
            hint=nearest(str(error.name), there),
            place=place,
        ) from None
    except TemplateSyntaxError as error:
        raise BadCookbook(
            "template-syntax",
            f"template {error.name or template} cannot be read: {error.message}",
            expected="Jinja2",
            found=error.message or "",
            place=place_in_file(error.filename or str(folder / template), error.lineno),
        ) from error
    except UndefinedError as error:
        raise BadCookbook(
            "template-undefined",
            f"a template uses a name that has no value: {error.message}",
            expected=f"one of {', '.join(sorted(values))}" if values else "a value to be passed",
            found=str(error.message),
            hint=_nearest_undefined(str(error.message), values),
            place=_template_place(error, folder, template),
        ) from error
    except SecretSeen as error:
        raise BadCookbook(
            "secret-in-template",
            f"template {template} uses the secret {error.name}",
            expected="text that anybody may read",
            found=f"the secret {error.name}",
            hint="put secrets into an environment file: r.env_file(...)",
            place=_template_place(error, folder, template) or place,
        ) from None
    except Unquotable as error:
        raise BadCookbook(
            "unquotable-value",
            f"a value cannot be written in {error.syntax} syntax",
            expected=error.expected,
            found=repr(error.found),
            place=_template_place(error, folder, template),
        ) from None
    except Exception as error:
        raise BadCookbook(
            "template-failed",
            f"template {template} failed: {type(error).__name__}: {error}",
            place=_template_place(error, folder, template) or place,
        ) from error


def names_in(folder: Path) -> list[str]:
    """The files below ``folder``, as a recipe names them."""
    if not folder.is_dir():
        return []
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


@lru_cache(maxsize=64)
def _environment(folder: Path) -> Environment:
    import jinja2

    class Strict(jinja2.Environment):
        """Refuses to hand a secret to a template, wherever it is kept."""

        def getattr(self, obj: Any, attribute: str) -> Any:
            return _no_secret(super().getattr(obj, attribute), attribute)

        def getitem(self, obj: Any, argument: Any) -> Any:
            return _no_secret(super().getitem(obj, argument), str(argument))

    made = Strict(
        loader=jinja2.FileSystemLoader(folder, followlinks=False),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # these are configuration files, not HTML
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: _no_secret(value, "a value"),
        auto_reload=True,
    )
    made.filters.update(FILTERS)
    return made


def _no_secret(value: Any, name: str) -> Any:
    if isinstance(value, Secret):
        raise SecretSeen(value.name or name)
    return value


def _template_place(error: BaseException, folder: Path, template: str) -> str:
    # Jinja2 rewrites tracebacks so that frames carry the template's own file and line.
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if Path(frame.filename).is_relative_to(folder):
            return place_in_file(frame.filename, frame.lineno or 0)
    return ""


def _nearest_undefined(message: str, values: Mapping[str, object]) -> str:
    """``'a' is undefined`` or ``'Thena object' has no attribute 'nam'``: the nearest known."""
    quoted = message.split("'")
    if len(quoted) >= 5:  # an attribute of something
        known = [n for v in values.values() for n in getattr(v, "__dataclass_fields__", ())]
        return nearest(quoted[-2], known)
    return nearest(quoted[1], list(values)) if len(quoted) >= 3 else ""
