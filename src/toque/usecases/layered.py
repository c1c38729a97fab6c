"""A new machine begins where another one had come to whose plan began with the same steps.

The cut is after the last package of a plan: what is before it takes minutes and seldom changes.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence

from .. import __version__
from ..errors import ToqueError
from ..kitchen import api
from ..kitchen.api import Kitchen
from ..kitchen.layercache import base_of
from ..kitchen.machine import Machine
from ..node.model import Step
from ..node.wire import canonical, step_json
from . import setup as setting
from .answers import Event
from .converge import Watch
from .place import Place
from .site import Site

WORTH_S = 2.0  # a layer costs a stop and a boot, once: what took less is not kept


def begin(
    kitchen: Kitchen,
    machine: Machine,
    site: Site,
    place: Place,
    *,
    again: Callable[[], Place],
    event: str,
    say: Callable[[str], None],
    watch: Watch,
) -> Place:
    """Bring a machine that is as it came to where its plan's packages are installed.

    It may stand on the layer that its namesake began from, and stays there if its plan does begin
    so.  Returns the way to it: ``place``, or one made by ``again`` as it was booted from other
    files.  What is left of the plan, and all of it again, is for ``setup``.
    """
    driver = api.layering(kitchen, machine)
    if driver is None:
        return place
    steps = setting.compiled(site, place, event=event).steps
    cut = max((n for n, step in enumerate(steps, 1) if step.kind == "package"), default=0)
    keys, there = keys_of(machine.image, steps), driver.layers.keys()
    done = max((n for n, key in enumerate(keys, 1) if key in there), default=0) if cut else 0
    stands, wanted = (base_of(machine.folder) or [""])[0], keys[done - 1] if done else ""
    if stands != wanted:
        with kitchen.store.lock(machine.name):
            driver.stand_on(machine, "" if stands else wanted)
        place = again()
        if stands:  # the plan was made from what is true on a layer that is not its own
            return begin(
                kitchen, machine, site, place, again=again, event=event, say=say, watch=watch
            )
    if done:
        say(f"{machine.name}: begins with {done} of {len(steps)} steps made, from a layer")
    if done >= cut:
        return place
    began = time.monotonic()
    made = _made(site, place, event, cut, watch)
    if made and time.monotonic() - began > WORTH_S:
        with kitchen.store.lock(machine.name):
            driver.keep_layer(machine, keys[cut - 1])
        say(f"{machine.name}: {cut} of {len(steps)} steps kept as a layer")
        return again()
    return place


def keys_of(image: str, steps: Sequence[Step]) -> list[str]:
    """For each number of steps, from 1, what identifies the files that they make.

    Where in the cookbook a step is written makes no difference, nor do the texts of secrets: they
    are no part of a plan, and what differs is put right when the plan is applied.
    """
    digest = hashlib.sha256(canonical([image, __version__]))
    keys = []
    for step in steps:
        data = {name: value for name, value in step_json(step).items() if name != "place"}
        digest.update(canonical(data))
        keys.append(digest.hexdigest()[:24])
    return keys


def _made(site: Site, place: Place, event: str, steps: int, watch: Watch) -> bool:
    """Make so many steps of the plan and no more; False when something failed, as ``setup`` says
    when it comes to it."""

    def seen(told: Event) -> None:
        if told.get("type") != "broken-off":  # as was asked for
            watch(told)

    try:
        setting.setup(site, place, event=event, steps=steps, watch=seen)
    except ToqueError as error:
        return error.code == "run-stopped"
    return True
