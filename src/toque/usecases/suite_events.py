"""What a suite runs on its machines: the events of their layers, as on real nodes."""

from __future__ import annotations

from ..kitchen import api, neighbours
from ..kitchen.instance import Instance
from ..node.model import Report
from ..node.wire import report_json
from . import deploy as deploying
from . import layered
from . import setup as setting
from .means import Converged, Means
from .place import Place
from .site import Site
from .suite import project_of


def run(means: Means, instance: Instance, *, new: bool) -> Converged:
    """Run the suite's events, in their order, each on all machines; ``new`` ones may begin from a
    layer."""
    project = project_of(instance)
    site = means.open_site(project)
    places = {n.name: means.connect(n, project.directory) for n in project.nodes.values()}
    if new and instance.layered:
        places = {n: _layered(means, site, place) for n, place in places.items()}
        machines = {m.name: api.find(means.kitchen, m.machine) for m in instance.members}
        neighbours.introduce(means.kitchen, instance, machines)
    reports: list[Report] = []

    def ended(title: str, report: Report) -> None:
        means.summed(title, report)
        reports.append(report)

    for event in instance.run:
        if event == "deploy" and project.apps:
            for app in project.apps.values():
                on = [places[node.name] for node in project.nodes_of(app)]
                before = [places[node.name] for node in project.balancers_of(app)]
                if not on:
                    continue
                for one in deploying.deploy(
                    site, app, on, balancers=before, watch=lambda _: means.watch, say=means.say
                ):
                    ended(f"{one.node} deploy {app.name}", one.report)
            continue
        for place in places.values():
            with means.stoppable() as stop:
                report = setting.setup(site, place, event=event, watch=means.watch, stop=stop)
            ended(f"{place.node.name} {event}", report)
    return Converged(sum(r.changed for r in reports), tuple(report_json(r) for r in reports))


def _layered(means: Means, site: Site, place: Place) -> Place:
    """The way to the machine, which may have been booted from a layer."""
    machine = api.find(means.kitchen, place.node.kitchen)
    return layered.begin(
        means.kitchen,
        machine,
        site,
        place,
        again=lambda: means.connect(place.node, site.project.directory),
        event="setup",
        say=means.say,
        watch=means.watch,
    )
