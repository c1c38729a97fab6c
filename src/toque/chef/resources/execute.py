"""execute, and scripts that are one command."""

from __future__ import annotations

import shlex
from ast import literal_eval

from ..argv import argv
from ..declared import Declared, plain_path
from ..express import express
from ..layout import Doc, Made, call, quoted, text_of, tuple_of
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
    action = d.action("run", "nothing")
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
    fields |= _environment(d)
    fields |= _returns(d)
    timeout = d.value("timeout")
    fields["timeout_s"] = timeout.text if timeout is not None else "3600"  # as long as Chef waits
    d.passed_over("live_stream", "what it prints is told while it runs")
    if d.truth("login"):
        raise d.no("a login's environment: env and environment_file say what it needs")
    return call("Command", words, **fields, **_done(d, action))


def _done(d: Declared, action: str) -> dict[str, Doc]:
    """When there is nothing to do."""
    creates = d.text("creates")
    if action == "nothing":
        if creates is not None:
            raise d.no("creates of a command that is only notified")
        return {"only_notified": "True"}
    return {"always": "True"} if creates is None else {"creates": plain_path(creates, d).text}


def _environment(d: Declared) -> dict[str, Doc]:
    env = d.one("environment") or d.one("env")
    if env is None:
        return {}
    made = express(env, d.scope)
    if not isinstance(made.value, dict):
        raise d.no("an environment that is computed")
    if not all(isinstance(value, str) for value in made.value.values()):
        raise d.no("an environment with other things than texts")
    return {"env": made.text}


def _returns(d: Declared) -> dict[str, Doc]:
    returns = d.value("returns")
    if returns is None:
        return {}
    many = returns.value if isinstance(returns.value, tuple) else (returns.value,)
    if not returns.fixed or not all(type(one) is int for one in many):
        raise d.no("statuses that are computed")
    return {"returns": tuple_of([str(one) for one in many])}


def _says(words: Made, name: str) -> bool:
    """Whether a command without a name of its own would be called the same."""
    plain = [literal_eval(text_of(word)) for _, word in words.items if text_of(word)[0] in "'\""]
    return len(plain) == len(words.items) and " ".join(plain) == name and shlex.join(plain) == name
