"""user, group"""

from __future__ import annotations

from ..declared import Declared
from ..layout import Doc, Made, call, text_of
from ..values import Expr


def user(d: Declared) -> list[Made]:
    d.imports.add("User")
    name = _name(d, "username")
    if d.action("create", "remove") == "remove":
        return [call("User", name, absent="True")]
    fields: dict[str, Doc] = {}
    uid = d.value("uid")
    if uid is not None:
        fields["uid"] = _number(d, uid)
    group = d.value("gid") or d.value("group")
    if group is not None:
        if not isinstance(group.value, str) or group.value.isdigit():
            raise d.no("a primary group by its number: name it")
        fields["group"] = group.text
    for one in ("home", "shell", "comment"):
        made = d.text(one)
        if made is not None:
            fields[one] = made.text
    if d.truth("system"):
        fields["system"] = "True"
    if _manages_home(d):
        fields["make_home"] = "True"
    if "password" in d.properties:
        raise d.no("a password's hash is a secret: User(password_hash=r.secret(NAME))")
    return [call("User", name, **fields)]


def _manages_home(d: Declared) -> bool:
    supports = d.value("supports")
    manage = d.truth("manage_home")
    if supports is None:
        return manage
    table = supports.value
    if not supports.fixed or not isinstance(table, dict) or set(table) - {"manage_home"}:
        raise d.no("supports of other things than manage_home")
    return manage or table.get("manage_home") is True


def group(d: Declared) -> list[Made]:
    d.imports.add("Group")
    name = _name(d, "group_name")
    if d.action("create", "remove") == "remove":
        return [call("Group", name, absent="True")]
    fields: dict[str, Doc] = {}
    gid = d.value("gid")
    if gid is not None:
        fields["gid"] = _number(d, gid)
    if d.truth("system"):
        fields["system"] = "True"
    members = d.value("members")
    append = d.truth("append")
    if members is not None:
        if isinstance(members.value, str):
            members = Expr(f"({members.text},)", (members.value,))
        if not isinstance(members.value, tuple):
            raise d.no("members that are not known as texts")
        fields["members"] = members.text
        if not append:
            fields["append"] = "False"
    return [call("Group", name, **fields)]


def _name(d: Declared, name: str) -> str:
    made = d.text(name) or d.name
    if not isinstance(made.value, str):
        raise d.no("a name that is not known as a text")
    return text_of(made.text)


def _number(d: Declared, made: Expr) -> str:
    if type(made.value) is int:
        return made.text
    if isinstance(made.value, str) and made.value.isdigit() and made.fixed:
        return made.value
    raise d.no("a number that is not known as one")
