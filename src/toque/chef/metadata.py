"""metadata.rb, metadata.json and Berksfile: what a cookbook is called and what it needs."""

from __future__ import annotations

import json
import re
from collections.abc import Collection

from . import ruby
from .accounting import Account, of_ruby, of_text
from .attributes import OTHER
from .express import plain
from .parse import parse

_WORDS = ("version", "description", "maintainer", "maintainer_email", "license", "source_url",
          "issues_url")  # fmt: skip
_NOT_NEEDED = ("long_description", "chef_version", "ohai_version", "privacy", "gem", "provides",
               "recipe", "attribute")  # fmt: skip


def name_in(text: str, file: str) -> str:
    """The cookbook's name, empty when the file does not say it."""
    if file.endswith(".json"):
        try:
            return str(json.loads(text).get("name", ""))
        except (ValueError, AttributeError):
            return ""
    for node in parse(text):
        if isinstance(node, ruby.Call) and node.name == "name" and node.arguments:
            return plain(node.arguments[0]) or ""
    return ""


def read(file: str, text: str, here: Collection[str]) -> Account:
    """``here`` are the cookbooks of the repository."""
    if file.endswith(".json"):
        return _json(file, text, here)
    account = of_ruby(file, text)
    for node in parse(text):
        words = [plain(one) for one in node.arguments] if isinstance(node, ruby.Call) else []
        word = node.name if isinstance(node, ruby.Call) and node.target is None else ""
        first, last = node.line, node.last
        if _systems(node):
            account.carried(first, last)
            account.noted(first, last, "Debian and Ubuntu are what is supported here")
        elif word in _NOT_NEEDED:
            account.carried(first, last)
            account.noted(first, last, f"{word} has no meaning here")
        elif not words or words[0] is None:
            account.left(first, last, "not known in metadata")
        elif word == "name" or word in _WORDS:
            account.carried(first, last)
        elif word == "depends":
            _needs(account, (first, last), words[0], here)
        elif word == "supports":
            account.carried(first, last)
            if words[0] not in ("debian", "ubuntu"):
                account.left(first, last, OTHER)
        else:
            account.left(first, last, "not known in metadata")
    return account


def _systems(node: ruby.Node) -> bool:
    """``%w(...).each do |os| supports os end``"""
    if not isinstance(node, ruby.Call) or node.name != "each" or node.block is None:
        return False
    inner = [one.name for one in node.block.body if isinstance(one, ruby.Call)]
    return isinstance(node.target, ruby.Array) and inner == ["supports"]


def _needs(account: Account, lines: tuple[int, int], name: str, here: Collection[str]) -> None:
    first, last = lines
    if name in here:
        account.carried(first, last)
    elif name in ("apt", "build-essential"):
        account.carried(first, last)
        account.noted(first, last, f"Toque does what the cookbook {name} is for")
    else:
        account.left(first, last, f"the cookbook {name} is not in this repository")


def _json(file: str, text: str, here: Collection[str]) -> Account:
    account = of_text(file, text)
    try:
        table = json.loads(text)
        needs = dict(table.get("dependencies", {}))
    except (ValueError, AttributeError, TypeError):
        account.left(1, len(account.lines), "not JSON as metadata has it")
        return account
    account.carried(1, len(account.lines))
    for number, line in enumerate(account.lines, 1):
        for name in needs:
            if re.search(rf'"{re.escape(name)}"\s*:', line):
                _needs(account, (number, number), name, here)
    unknown = sorted(set(table) - {*_WORDS, *_NOT_NEEDED, "name", "dependencies", "platforms"})
    for key in unknown:
        for number, line in enumerate(account.lines, 1):
            if re.match(rf'\s*"{re.escape(key)}"\s*:', line):
                account.left(number, number, f"{key} of metadata")
    return account


def berksfile(file: str, text: str, here: Collection[str]) -> Account:
    """Sources of cookbooks: those of the repository are there, others are listed."""
    account = of_ruby(file, text)
    for node in parse(text):
        _berks(account, node, here)
    return account


def _berks(account: Account, node: ruby.Node, here: Collection[str]) -> None:
    first, last = node.line, node.last
    word = node.name if isinstance(node, ruby.Call) and node.target is None else ""
    words = [plain(one) for one in node.arguments] if isinstance(node, ruby.Call) else []
    if word in ("source", "metadata", "solver", "site"):
        account.carried(first, last)
        account.noted(first, last, "cookbooks are folders beside each other, or packages of Python")
    elif word == "group" and isinstance(node, ruby.Call) and node.block is not None:
        account.carried(first, last)
        for inner in node.block.body:
            _berks(account, inner, here)
    elif word == "cookbook" and words and words[0] is not None:
        _needs(account, (first, last), words[0], here)
    else:
        account.left(first, last, "not known in a Berksfile")
