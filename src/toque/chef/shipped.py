"""The templates and files of a cookbook, carried over when a recipe asks for them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from .accounting import Account
from .attributes import no_value
from .declared import Rendered
from .erb import Translated, carry
from .facts import AUTOMATIC, fact
from .paths import shown
from .repository import text_of
from .tokens import Unreadable
from .upstart import as_unit
from .values import Expr, Path, is_free

KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----")
TEMPLATES = ("templates/default/", "templates/")
FILES = ("files/default/", "files/")


@dataclass
class Shipped:
    """``files`` are those of the cookbook, in ``folder`` of the repository; ``read`` gives the
    Python for an attribute's path, None where it has no value.  ``made`` is what to write."""

    files: Mapping[str, bytes]
    folder: str
    read: Callable[[Path], tuple[str, object] | None]
    made: dict[str, bytes] = field(default_factory=dict)
    accounts: list[Account] = field(default_factory=list)
    handled: set[str] = field(default_factory=set)
    _known: dict[tuple[str, bool], tuple[Translated, str, tuple[str, ...]]] = field(
        default_factory=dict
    )

    def template(self, source: str, given: dict[str, Expr], line: int) -> Rendered:
        name = f"{source.removesuffix('.erb')}.j2"
        return self._rendered(source, name, given, line, carry)

    def job(self, source: str, given: dict[str, Expr], line: int) -> Rendered:
        """A job of Upstart, as a unit."""
        name = f"{source.removesuffix('.erb').removesuffix('.conf')}.service.j2"
        return self._rendered(source, name, given, line, as_unit)

    def _rendered(
        self, source: str, name: str, given: dict[str, Expr], line: int,
        make: Callable[..., Translated],
    ) -> Rendered:  # fmt: skip
        path = self._find(TEMPLATES, source, line)
        if taken := [name for name in given if not is_free(name)]:
            raise Unreadable(line, f"a variable called {taken[0]}")
        signs = tuple(f"{key}: {type(one.value).__name__}" for key, one in sorted(given.items()))
        key = (path, make is carry)
        if key not in self._known:
            instances = {key: Expr(key, one.value) for key, one in given.items()}
            text = text_of(self.files[path])
            made = make(self.folder + path, text, self._attribute, instances)
            self._known[key] = (made, name, signs)
            self.handled.add(path)
            self.accounts.append(made.account)
            if made.whole:
                self.made[f"templates/{name}"] = made.text.encode()
        made, name, before = self._known[key]
        if not made.whole:
            raise Unreadable(line, f"the template {source}: {made.account.entries[0].reason}")
        if before != signs:
            raise Unreadable(line, f"the template {source} with other variables than before")
        return Rendered(name, made.uses)

    def _find(self, folders: tuple[str, ...], name: str, line: int) -> str:
        for folder in folders:
            if f"{folder}{name}" in self.files:
                return f"{folder}{name}"
        raise Unreadable(line, f"there is no {folders[-1]}{name}")

    def _attribute(self, path: Path, line: int) -> Expr:
        if path[0] in AUTOMATIC:
            found = fact(path)
            if found is None:
                raise Unreadable(line, f"no counterpart for {shown(path)}")
            return Expr(found.text.removeprefix("r."), found.value, found.fixed)
        known = self.read(path)
        if known is None:
            raise Unreadable(line, no_value(path))
        return Expr(f"node.{known[0]}", known[1])

    def file(self, source: str, line: int) -> str:
        path = self._find(FILES, source, line)
        if KEY.search(self.files[path]):
            raise Unreadable(
                line, f"{source} holds a private key, which is a secret: r.secret(NAME)"
            )
        self.made[f"files/{source}"] = self.files[path]
        self.handled.add(path)
        return source

    def finish(self) -> dict[str, str]:
        """Carry over what no recipe asked for; the others by name, with the reason."""
        named: dict[str, str] = {}
        for path in sorted(set(self.files) - self.handled):
            if path.startswith("templates/") and path.endswith(".erb"):
                name = path.removeprefix("templates/").removeprefix("default/")
                if "/" not in name:
                    try:
                        self.template(name, {}, 1)
                    except Unreadable:
                        pass  # its account says why
            elif path.startswith("files/"):
                name = path.removeprefix("files/").removeprefix("default/")
                if KEY.search(self.files[path]):
                    named[path] = "a private key: not copied; r.secret(NAME)"
                elif path.startswith("files/default/") or "/" not in name:
                    self.made.setdefault(f"files/{name}", self.files[path])
                    self.handled.add(path)
                else:
                    named[path] = "no recipe that was carried over asks for it"
        return named
