"""What there is: machines and how far they have come, drivers, and what kitchen.toml comes to."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from ... import bootstrap
from ...errors import AskedWrongly
from ...kitchen import api, kitchenfile, rung
from ...kitchen.api import Kitchen
from ...kitchen.instance import Instance, Member, instances, pick
from .. import asked
from ..asked import json_option
from .suites import here, suites_argument


@click.command("list")
@suites_argument
@click.option("--live", is_flag=True, help="Look at each machine: does it run?")
@json_option
def list_instances(words: tuple[str, ...], live: bool, as_json: bool) -> None:
    """List suites with how far each has come.

    And the other machines of this host.

    toque kitchen list --live
    """
    cook = bootstrap.open_kitchen()
    rows = [_row(cook, one, live) for one in _around(words)]
    known = {machine["machine"] for row in rows for machine in row["machines"]}
    others = (
        [] if words else [_machine(cook, n, live) for n in cook.store.names() if n not in known]
    )
    if as_json:
        asked.tell({"instances": rows, "machines": others})
        return
    for line in _table(rows, others):
        click.echo(line)


def _around(words: Sequence[str]) -> tuple[Instance, ...]:
    try:
        return pick(here(), words)
    except AskedWrongly as error:
        if error.code == "kitchen-no-file" and not words:
            return ()
        raise


def _row(cook: Kitchen, one: Instance, live: bool) -> dict[str, Any]:
    now = rung.read(cook.store, one)
    machines = [_machine(cook, m.machine, live, m) for m in one.members]
    return {"instance": one.name, "suite": one.suite, "platform": one.platform,
            "last": now.last, "failed": now.failed, "machines": machines}  # fmt: skip


def _machine(cook: Kitchen, name: str, live: bool, member: Member | None = None) -> dict[str, Any]:
    """A machine as its record has it, and with ``live`` as it is."""
    record = cook.store.read(name)
    if record is None:
        kind = {"driver": member.kind.driver, "release": member.kind.release} if member else {}
        return {"machine": name, "state": "not made", **kind}
    state = "made" if record.ready else "half-made"
    if live and record.ready:
        runs = cook.driver(record.machine).running(record.machine)
        state = "running" if runs else "stopped"
    m = record.machine
    return {"machine": name, "state": state, "driver": m.driver, "release": m.release,
            "address": m.address}  # fmt: skip


def _table(rows: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    cells: list[tuple[str, ...]] = [
        ("suite", "machine", "driver", "release", "state", "last", "failed")
    ]
    for row in rows:
        cells += [_cells(row["instance"], m, row["last"], row["failed"]) for m in row["machines"]]
    cells += [_cells("", m, "", "") for m in others]
    if len(cells) == 1:
        return
    widths = [max(len(line[n]) for line in cells) for n in range(len(cells[0]))]
    for line in cells:
        yield "  ".join(f"{text:<{width}}" for text, width in zip(line, widths)).rstrip()


def _cells(instance: str, machine: Mapping[str, Any], last: str, failed: str) -> tuple[str, ...]:
    kind = (str(machine.get("driver", "")), str(machine.get("release", "")))
    return (instance, machine["machine"], *kind, machine["state"], last, failed)


@click.command()
@suites_argument
@json_option
def diagnose(words: tuple[str, ...], as_json: bool) -> None:
    """Show what the settings come to, and from where.

    Of kitchen.toml, kitchen.local.toml and your own: each value of each suite with the file and
    line that it is from.
    """
    read = kitchenfile.load(kitchenfile.find_file(Path.cwd()), os.environ)
    chosen = pick(instances(read), words)
    values = [{"instance": one.name, **_resolved(one)} for one in chosen]
    origins = {key: origin for key, origin in read.origins.items() if origin != "default"}
    if as_json:
        files = [str(file) for file in read.files]
        asked.tell({"files": files, "instances": values, "origins": origins})
        return
    click.echo("files, the later wins:")
    for file in read.files:
        click.echo(f"  {file}")
    for one in values:
        click.echo(click.style(f"\n{one['instance']}", bold=True))
        for key, value in _flat(one):
            click.echo(f"  {key} = {value}")
    click.echo("\nsaid in:")
    width = max(map(len, origins), default=0)
    for key, origin in origins.items():
        click.echo(f"  {key:<{width}}  {origin}")


def _resolved(one: Instance) -> dict[str, Any]:
    machines = {
        m.name or "machine": {
            "name": m.machine, "driver": m.kind.driver, "release": m.kind.release,
            "packages": list(m.kind.packages), "options": dict(m.kind.options),
            "layer": m.layer, "attributes": m.attributes,
        }
        for m in one.members
    }  # fmt: skip
    hooks = {
        moment: [f"{hook.machine or 'all'}: {hook.remote}" if hook.remote else hook.local
                 for hook in several]
        for moment, several in one.hooks.items()
    }  # fmt: skip
    return {
        "suite": one.suite, "platform": one.platform, "run": list(one.run),
        "verify": str(one.checks), "project": str(one.project or ""), "twice": one.twice,
        "reboot": one.reboot, "hooks": hooks, "machines": machines,
    }  # fmt: skip


def _flat(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """A value as dotted keys with what they hold; what is empty is left out."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if name != "instance":
                yield from _flat(inner, f"{key}.{name}" if key else name)
    elif value not in ("", [], ()):
        yield key, json.dumps(value, ensure_ascii=False)


@click.command()
@json_option
def doctor(as_json: bool) -> None:
    """Say which drivers work here, and why others do not."""
    verdicts = api.verdicts(bootstrap.open_kitchen())
    if as_json:
        asked.tell({"drivers": [v.as_json() for v in verdicts]})
        return
    for one in verdicts:
        click.echo(f"{one.driver:<8} {'works' if one.works else 'no':<6} {one.reason}")


@click.command()
@click.option("--images", is_flag=True, help="Remove images too; they are built again when needed.")
@json_option
def clean(images: bool, as_json: bool) -> None:
    """Remove the layers that no machine stands on.

    Layers and images lie in /var/cache/toque, or where TOQUE_CACHE_DIR says.
    """
    gone = api.clean(bootstrap.open_kitchen(), images=images)
    if as_json:
        asked.tell({"removed": [str(place) for place in gone]})
        return
    for place in gone:
        click.echo(f"removed {place}")


COMMANDS = (list_instances, diagnose, doctor, clean)
