"""service, systemd_unit."""

from __future__ import annotations

from ..declared import Declared
from ..layout import Doc, Made, call, tuple_of


def carry(d: Declared) -> list[Made]:
    d.passed_over("supports", "systemd knows what a service can do")
    d.passed_over("provider", "the init system that runs is used")
    name = d.text("service_name") or d.name
    if not isinstance(name.value, str):
        raise d.no("a service whose name is not known")
    actions = d.actions("nothing", "enable", "start", "stop", "disable", "restart", "reload")
    fields: dict[str, Doc] = {}
    if "start" in actions or "stop" in actions:
        fields["running"] = str("start" in actions)
    if "enable" in actions or "disable" in actions:
        fields["enabled"] = str("enable" in actions)
    if {"start", "stop"} <= set(actions) or {"enable", "disable"} <= set(actions):
        raise d.no("actions that contradict each other")
    found: list[Made] = []
    if fields or actions == ("nothing",):
        d.imports.add("Service")
        found.append(call("Service", name.text, **fields))
    for verb in ("restart", "reload"):
        if verb in actions:
            d.imports.add("Command")
            words = tuple_of(['"systemctl"', f'"{verb}"', name.text])
            found.append(call("Command", words, always="True"))
            d.note(
                f"a {verb} at each run, as in Chef; better: notify=Service(...).{verb} from "
                "what it reads"
            )
    return found


def unit(d: Declared) -> list[Made]:
    d.imports.add("Unit")
    actions = set(d.actions("nothing", "create", "enable", "start", "delete"))
    d.passed_over("triggers_reload", "a Unit has been read when its step is done")
    d.passed_over("verify", "systemd's own judgement counts")
    content = d.text("content")
    if not isinstance(d.name.value, str):
        raise d.no("a unit whose name is not known")
    name = d.name.text
    if actions == {"delete"}:
        return [call("Unit", name, absent="True")]
    if content is None or "create" not in actions or "delete" in actions:
        raise d.no("a unit whose content is not a text")
    found = [call("Unit", name, content=content.text)]
    fields: dict[str, Doc] = {}
    if "start" in actions:
        fields["running"] = "True"
    if "enable" in actions:
        fields["enabled"] = "True"
    if fields:
        d.imports.add("Service")
        found.append(call("Service", name, **fields))
    return found
