"""execute, and scripts that are one command."""

from __future__ import annotations

import shlex
from ast import literal_eval

from ..argv import argv
from ..declared import Declared, plain_path
from ..express import express
from ..layout import Doc, Made, call, quoted, text_of
from ..ruby import Node


def carry(d: Declared) -> list[Made]:
    command = d.one("command")
    return [_command(d, d.node.arguments[0] if command is None else command)]


def script(d: Declared) -> list[Made]:
    code = d.one("code")
    interpreter = d.text("interpreter")
    if interpreter is not None and interpreter.value not in ("bash", "sh"):
        raise d.no(f"a script for {interpreter.value}: a File and a Command")
    if code is None:
        raise d.no("a script without code")
    d.passed_over("flags", "no shell runs")
    return [_command(d, code)]


def _command(d: Declared, node: Node) -> Made:
    d.imports.add("Command")
    actions = d.action("run", "nothing")
    words = argv(node, d.scope)
    fields: dict[str, Doc] = {}
    if d.name.fixed and isinstance(d.name.value, str) and not _says(words, d.name.value):
        fields["name"] = quoted(d.name.value)
    user = d.text("user")
    if user is not None and user.text != '"root"':
        fields["user"] = user.text
    if "group" in d.properties:
        raise d.no("a group apart from the user's own")
    cwd = d.text("cwd")
    if cwd is not None:
        fields["cwd"] = plain_path(cwd, d).text
    env = d.one("environment") or d.one("env")
    if env is not None:
        made = express(env, d.scope)
        if not isinstance(made.value, dict):
            raise d.no("an environment that is computed")
        if not all(isinstance(value, str) for value in made.value.values()):
            raise d.no("an environment with other things than texts")
        fields["env"] = made.text
    returns = d.value("returns")
    if returns is not None:
        if not returns.fixed:
            raise d.no("statuses that are computed")
        many = returns.value if isinstance(returns.value, tuple) else (returns.value,)
        fields["returns"] = f"({', '.join(map(str, many))}{',' if len(many) == 1 else ''})"
    timeout = d.value("timeout")
    if timeout is not None:
        fields["timeout_s"] = timeout.text
    else:
        fields["timeout_s"] = "3600"  # as long as Chef waits
    creates = d.text("creates")
    d.passed_over("live_stream", "what it prints is told while it runs")
    if d.truth("login"):
        raise d.no("a login's environment: env and environment_file say what it needs")
    if actions == "nothing":
        fields["only_notified"] = "True"
        if creates is not None:
            raise d.no("creates of a command that is only notified")
    elif creates is not None:
        fields["creates"] = plain_path(creates, d).text
    else:
        fields["always"] = "True"
    return call("Command", words, **fields)


def _says(words: Made, name: str) -> bool:
    """Whether a command without a name of its own would be called the same."""
    plain = [literal_eval(text_of(word)) for _, word in words.items if text_of(word)[0] in "'\""]
    return len(plain) == len(words.items) and " ".join(plain) == name and shlex.join(plain) == name
