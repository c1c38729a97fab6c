"""The people who log in by SSH: their keys, their groups, and who may become root."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from toque import Cookbook, Group, Package, Recipe, Sudoers, User
from toque.errors import BadCookbook


@dataclass(frozen=True)
class Person:
    """``keys`` are all public keys of this person: one that is not here lets nobody in.

    ``sudo`` allows every command as anybody, without a password, as nobody here has one.
    ``groups`` are made where they are not there, and added to those that the person has.
    """

    keys: tuple[str, ...]
    groups: tuple[str, ...] = ()
    sudo: bool = False
    name: str = ""
    shell: str = "/bin/bash"


@dataclass(frozen=True)
class UsersSsh:
    """``people`` by login name.  Who is only left out stays as they are; ``removed`` are login
    names whose accounts and rights go, while their home directories stay."""

    people: Mapping[str, Person] = field(default_factory=dict)
    removed: tuple[str, ...] = ()


def setup(r: Recipe) -> None:
    """Everybody who is named; first of all, those who are removed lose their rights."""
    a = r.attributes(UsersSsh)
    check(a)
    if a.removed or any(person.sudo for person in a.people.values()):
        r.add(Package("sudo"))
    for login in a.removed:
        r.add(Sudoers(rule(login), absent=True))
        r.add(User(login, absent=True))
    for group in dict.fromkeys(g for person in a.people.values() for g in person.groups):
        r.add(Group(group))
    for login, person in a.people.items():
        r.add(
            User(
                login,
                groups=person.groups,
                shell=person.shell,
                comment=person.name,
                make_home=True,
                authorized_keys=person.keys,
            )
        )
        if person.sudo:
            r.add(Sudoers(rule(login), login, "ALL", as_user="ALL", password=False))
        else:
            r.add(Sudoers(rule(login), absent=True))


def rule(login: str) -> str:
    """The name of a person's file for sudo, which skips names with a dot."""
    return f"toque-{login.replace('.', '-')}"


def check(a: UsersSsh) -> None:
    """Raise ``BadCookbook`` for root, whose keys are how Toque gets in, and for contradictions."""
    if "root" in (*a.people, *a.removed):
        raise BadCookbook(
            "users-with-root",
            "root is no person, and its keys are not managed here",
            expected="login names of people",
            found="root",
            hint="name people; with sudo = true they may do all that root may",
        )
    both = sorted({*a.people} & {*a.removed})
    if both:
        raise BadCookbook(
            "users-both-ways",
            "somebody is to be there and to be removed",
            expected="each login name in people or in removed",
            found=", ".join(both),
        )


cookbook = Cookbook("users_ssh", attributes=UsersSsh, events={"setup": setup})
