"""A Postgres server on the machine in memory: roles and databases, in the words of our types."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..node.memory import Program
from ..node.postgres import UNREACHABLE
from ..node.system import Result

if TYPE_CHECKING:
    from .machine import Machine

NAME = r'"((?:[^"]|"")+)"'
TEXT = r"(E?'(?:[^']|'')*')"


class Postgres:
    """Answers psql while ``postgresql.service`` runs; one server, whatever port it is asked on."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.roles: dict[str, dict[str, Any]] = {
            "postgres": {"login": True, "superuser": True, "createdb": True, "password": None}
        }
        self.databases: dict[str, dict[str, Any]] = {
            name: {"owner": "postgres", "encoding": "UTF8"}
            for name in ("postgres", "template0", "template1")
        }

    def programs(self) -> dict[str, Program]:
        return {"psql": self}

    def __call__(self, argv: Sequence[str], stdin: bytes, user: str | None) -> Result:
        if not self.machine.systemctl.running("postgresql.service"):
            words = b"psql: error: connection to server on socket failed: No such file or directory"
            return Result(argv, UNREACHABLE, b"", words)
        sql = stdin.decode()
        try:
            if sql.startswith("SELECT"):
                row = self._asked(sql)
                return Result(argv, 0, f"{json.dumps(row)}\n".encode() if row else b"")
            self._told(sql)
        except LookupError as error:
            return Result(argv, 3, b"", f"psql:<stdin>:1: ERROR:  {error.args[0]}\n".encode())
        return Result(argv, 0)

    def _asked(self, sql: str) -> dict[str, Any] | None:
        if found := re.search(rf"FROM pg_authid WHERE rolname = {TEXT}", sql):
            return self.roles.get(_text(found[1]))
        if found := re.search(rf"FROM pg_database WHERE datname = {TEXT}", sql):
            return self.databases.get(_text(found[1]))
        raise LookupError(f"the server in memory does not understand: {sql}")

    def _told(self, sql: str) -> None:
        statement = sql.rstrip(";\n").rsplit(";\n", 1)[-1]
        verb = re.match(rf"(CREATE|ALTER|DROP) (ROLE|DATABASE) {NAME}", statement)
        if verb is None:
            raise LookupError(f"the server in memory does not understand: {statement}")
        name = verb[3].replace('""', '"')
        there = self.roles if verb[2] == "ROLE" else self.databases
        if (name in there) == (verb[1] == "CREATE"):
            state = "already exists" if name in there else "does not exist"
            raise LookupError(f'{verb[2].lower()} "{name}" {state}')
        if verb[1] == "DROP":
            owners = [database["owner"] for database in self.databases.values()]
            if verb[2] == "ROLE" and name in owners:
                raise LookupError(f'role "{name}" cannot be dropped: some objects depend on it')
            del there[name]
        elif verb[2] == "ROLE":
            self._role(name, statement[verb.end() :])
        else:
            self._database(name, statement[verb.end() :])

    def _role(self, name: str, words: str) -> None:
        role = self.roles.setdefault(
            name, {"login": False, "superuser": False, "createdb": False, "password": None}
        )
        for key in ("login", "superuser", "createdb"):
            if word := re.search(rf"\b(NO)?{key.upper()}\b", words):
                role[key] = word[1] is None
        if password := re.search(rf"PASSWORD {TEXT}", words):
            role["password"] = _text(password[1])

    def _database(self, name: str, words: str) -> None:
        database = self.databases.setdefault(name, {"owner": "postgres", "encoding": "UTF8"})
        if encoding := re.search(rf"ENCODING {TEXT}", words):
            database["encoding"] = _text(encoding[1])
        if owner := re.search(rf"OWNER (?:TO )?{NAME}", words):
            new = owner[1].replace('""', '"')
            if new not in self.roles:
                raise LookupError(f'role "{new}" does not exist')
            database["owner"] = new


def _text(quoted: str) -> str:
    text = quoted.removeprefix("E")[1:-1].replace("''", "'")
    return text.replace("\\\\", "\\") if quoted.startswith("E") else text
