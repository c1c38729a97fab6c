"""Users and groups."""

from __future__ import annotations

from dataclasses import dataclass

from .ask import Ask


@dataclass(frozen=True)
class User:
    """``groups`` are all that it belongs to, its own one too."""

    name: str
    uid: int
    gid: int
    home: str
    shell: str
    groups: tuple[str, ...]


@dataclass(frozen=True)
class Group:
    """``members`` are also those whose own group it is."""

    name: str
    gid: int
    members: tuple[str, ...]


def user(ask: Ask, name: str) -> User | None:
    value = ask("user", name)
    return None if value is None else User(**{**value, "groups": tuple(value["groups"])})


def group(ask: Ask, name: str) -> Group | None:
    value = ask("group", name)
    return None if value is None else Group(**{**value, "members": tuple(value["members"])})
