"""One release on many nodes: what ``fleet/rollout.py`` decides, carried out.

Nodes are worked on side by side.  A node that is lost meanwhile may have done what it was told;
so it is asked again, for a while, before the rollout gives it up.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from ..errors import Failed, ToqueError, Unreachable
from ..fleet.app import App
from ..fleet.release import Release
from ..fleet.rollout import Do, Move, Rollout, Seen, next_move
from ..node.model import Facts, Report
from ..node.values import Blob
from . import converge as carry
from . import setup as setting
from .abreast import Here, abreast
from .converge import Session, StepError, Stop, Watch
from .lifecycle import Delivery, delivery_of, kept_delivery
from .once import builders, built, fetched
from .parts import Parts, parts_of
from .place import Place
from .repository import opened
from .site import Site

PATIENCE_S = 90.0  # how long a node that has to be put back is asked for, and a balancer
PAUSE_S = 2.0

# Makes a parcel for a node: the delivery is compiled with what the node says of itself.
Compile = Callable[[Place, Session, Delivery], tuple[Release, carry.Parcel]]


@dataclass(frozen=True)
class Built:
    """What a node is given, in parts; ``before`` is the release that served when it was asked."""

    delivery: Delivery
    release: Release
    parts: Parts
    before: Mapping[str, Any] | None


@dataclass(frozen=True)
class Served:
    """A node that serves the new release, and all that it reported."""

    node: str
    built: Built
    report: Report


@dataclass
class Many:
    """``places`` get ``ref`` of ``app``; ``say`` is told of each move in words.

    ``on`` makes a delivery that of a node, with the numbers of processes it was given before;
    ``first`` are those that migrate.  ``serving`` finds what a node serves in its releases, when
    that is what each is to get instead of ``ref``; ``kept`` are releases by node to go back to.
    ``balancers`` pass visitors on to ``members``, names of nodes; ``away`` are those of them that
    are left as they are, and get no visitors until they are deployed to.
    """

    site: Site
    app: App
    places: Sequence[Place]
    ref: str
    compile: Compile
    watch: Callable[[str], Watch]
    scratch: Path
    on: Callable[[str, Delivery, Mapping[str, int]], Delivery]
    first: Sequence[str] = ()
    serving: Callable[[Sequence[Mapping[str, Any]]], str] | None = None
    kept: Mapping[str, Mapping[str, Any]] | None = None
    batch: int = 1
    balancers: Sequence[Place] = ()
    members: Sequence[str] = ()
    away: Sequence[str] = ()
    stop: Stop | None = None
    say: Callable[[str], None] = lambda text: None
    patience_s: float = PATIENCE_S

    def __post_init__(self) -> None:
        self._nodes = {place.node.name: place for place in self.places}
        self._built: dict[str, Built] = {}
        self._reports: dict[str, list[Report]] = {name: [] for name in self._nodes}
        self._errors: dict[str, Exception] = {}
        self._commit = ""  # what the revision means, once it is known
        self._remote: Delivery | None = None  # the same for all nodes that fetch by themselves
        self._out: frozenset[str] = frozenset()
        self._builders: dict[str, str] = {}  # by node: who builds for it
        self._packed: dict[str, tuple[Blob, Path]] = {}  # by builder
        self._deaf = False  # a balancer could not be told; it is waited for once

    def run(self) -> list[Served]:
        """All nodes, each with the new release; raises the first error when there was one.

        Then every node that could be reached serves what it served before.
        """
        names = tuple(self._nodes)
        rollout = Rollout(
            names,
            self.batch,
            tuple(self.first) or names[:1],
            tuple(self.members) if self.balancers else (),
            tuple(self.away) if self.balancers else (),
        )
        seen = Seen()
        trouble: Exception | None = None
        while True:
            move = next_move(rollout, seen)
            if move.do is Do.DONE:
                return [
                    Served(name, self._built[name], _whole(self._reports[name]))
                    for name in self._nodes
                ]
            if move.do is Do.FAILED:
                raise self._ended(trouble, seen)
            self.say(f"{move.do.value}: {', '.join(move.nodes)}")
            good = self._done(move)
            seen = seen.after(move, good)
            if trouble is None and set(move.nodes) - good:
                trouble = next((self._errors[n] for n in move.nodes if n in self._errors), None)
                if move.do is Do.BUILD and trouble is not None:
                    self._advise(trouble, [n for n in move.nodes if n not in good])

    def _done(self, move: Move) -> set[str]:
        """Carry out one move; the nodes it was good on."""
        if move.do in (Do.TAKE_OUT, Do.PUT_IN):
            return self._balance(move)
        if move.do is Do.BUILD and (error := self._no_balancer()):
            self._errors[move.nodes[0]] = error
            return set()
        work = {
            Do.BUILD: self._build,
            Do.PROVE: self._prove,
            Do.SWITCH: self._switch,
            Do.PUT_BACK: self._put_back,
        }[move.do]
        places = [self._nodes[name] for name in move.nodes]
        shared = move.do is Do.BUILD and self.app.build_once and self.kept is None
        ended = self._build_once(places) if shared else abreast(places, work)
        for name, result in zip(move.nodes, ended):
            if isinstance(result, Exception):
                self._errors[name] = result  # a bug of ours, too: first all are put back
        return {n for n, r in zip(move.nodes, ended) if not isinstance(r, Exception)}

    def _build_once(self, places: Sequence[Place]) -> list[Exception | None]:
        """One of each kind builds, then the others of its kind get what it has built.

        What cannot be sent for whatever reason is built by each, as without this.
        """
        told = abreast(places, lambda place, here: carry.gather_facts(place.transport))
        names = [place.node.name for place in places]
        facts = {name: one for name, one in zip(names, told) if isinstance(one, Facts)}
        self._builders = builders(facts)
        first = [place for place in places if self._builder(place) == place.node.name]
        rest = [place for place in places if place not in first]
        ended = dict(zip((place.node.name for place in first), abreast(first, self._build)))
        for builder in {self._builder(place) for place in rest}:
            if ended[builder] is None:
                self._pack(builder)
        ended.update(zip((place.node.name for place in rest), abreast(rest, self._build)))
        return [ended[name] for name in names]

    def _builder(self, place: Place) -> str:
        return self._builders.get(place.node.name, place.node.name)

    def _pack(self, builder: str) -> None:
        """Have what a node has built at hand for others, if it has built anything."""
        found = built(self._built[builder].parts.build.plan, self._reports[builder][-1])
        if found is None:
            return
        target = self.scratch / f"{builder}.packed"
        try:
            blob = fetched(self._nodes[builder].transport, *found, target)
        except ToqueError as error:
            self.say(f"what {builder} has built stays there: {error.trouble.message}")
            return
        if blob is not None:
            self.say(f"others get what {builder} has built: {blob.size / 2**20:.1f} MiB")
            self._packed[builder] = (blob, target)

    def _build(self, place: Place, here: Here) -> None:
        try:
            self._build_from(place, here, whole=False)
        except StepError as error:
            if error.code != "bundle-incomplete":
                raise
            self._build_from(place, here, whole=True)

    def _build_from(self, place: Place, here: Here, *, whole: bool) -> None:
        name = place.node.name
        with Session(place.transport, app=self.app.name) as session:
            before = next((r for r in session.releases if r.get("current")), None)
            if self.kept is not None:
                made = kept_delivery(self.app, self.kept[name])
                self._begin(place, session, here, made, before)
                return
            known = [] if whole else [str(entry["commit"]) for entry in session.releases]
            ref = self.serving(session.releases) if self.serving else self.ref
            made = here(partial(self._delivery, place, ref, known))
            made = self._with_packed(place, self.on(name, made, session.scale))
            self._begin(place, session, here, made, before)

    def _with_packed(self, place: Place, made: Delivery) -> Delivery:
        packed = self._packed.get(self._builder(place))
        if packed is None:
            return made
        source = replace(made.source, packed=packed[0])
        return replace(made, source=source, files={**made.files, packed[0].sha256: packed})

    def _begin(
        self,
        place: Place,
        session: Session,
        here: Here,
        delivery: Delivery,
        before: Mapping[str, Any] | None,
    ) -> None:
        release, sent = here(partial(self.compile, place, session, delivery))
        parts = parts_of(sent)
        self._built[place.node.name] = Built(delivery, release, parts, before)
        self._carried(place, session, parts.build)

    def _delivery(self, place: Place, ref: str, known: Sequence[str]) -> Delivery:
        """What is delivered to a node: the same commit to all, whatever is pushed meanwhile."""
        if self._remote is not None:
            return self._remote
        ref = ref if self.serving else self._commit or ref
        folder = self.scratch / place.node.name
        folder.mkdir(exist_ok=True)
        with opened(self.site, self.app, place) as repository:
            made = delivery_of(
                self.site, self.app, repository, ref=ref, scratch=folder, known=lambda: known
            )
        self._commit = made.release.commit
        if self.app.remote and not self.serving:
            self._remote = made
        return made

    def _prove(self, place: Place, here: Here) -> None:
        with Session(place.transport) as session:
            self._carried(place, session, self._built[place.node.name].parts.prove)

    def _switch(self, place: Place, here: Here) -> None:
        with Session(place.transport) as session:
            self._carried(place, session, self._built[place.node.name].parts.switch)

    def _carried(self, place: Place, session: Session, sent: carry.Parcel) -> None:
        name = place.node.name
        report = session.carry_out(sent, by=self.site.by, watch=self.watch(name), stop=self.stop)
        self._reports[name].append(report)
        carry.succeeded(report, name)

    def _put_back(self, place: Place, here: Here) -> None:
        """The release of before serves again, and the new one is stopped.

        Nothing ends this half-way: not Ctrl-C, and not a link that is broken for less than
        ``patience_s``.
        """
        before = self._built[place.node.name].before
        if before is None:
            raise Failed(
                "nothing-to-roll-back",
                f"{place.node.name} served no release of {self.app.name} before",
                expected="a release that served before",
                found="its first one",
                hint=f"toque deploy {self.app.name}",
            )
        delivery = kept_delivery(self.app, before)
        self._patiently(lambda: self._go_back(place, delivery, here), self.patience_s)

    def _patiently(self, act: Callable[[], object], patience_s: float) -> None:
        """Do it; again and again while its node cannot be reached, or is held by another run."""
        until = time.monotonic() + patience_s
        while True:
            try:
                act()
            except ToqueError as error:
                waits = error.exit_status == Unreachable.exit_status or error.code == "node-busy"
                if not waits or time.monotonic() >= until:
                    raise
            else:
                return
            time.sleep(PAUSE_S)

    def _go_back(self, place: Place, delivery: Delivery, here: Here) -> None:
        name = place.node.name
        with Session(place.transport, app=self.app.name) as session:
            _, sent = here(partial(self.compile, place, session, delivery))
            report = session.carry_out(sent, by=self.site.by, watch=self.watch(name))
        carry.succeeded(report, name)

    def _balance(self, move: Move) -> set[str]:
        """Tell every balancer who is out; the nodes of the move when all have heard it."""
        nodes = frozenset(move.nodes)
        self._out = self._out | nodes if move.do is Do.TAKE_OUT else self._out - nodes
        out = self._out

        patience_s = 0.0 if self._deaf else self.patience_s

        def tell(place: Place, here: Here) -> None:
            self._patiently(lambda: self._configure(place, here, out), patience_s)

        errors = [e for e in abreast(self.balancers, tell) if isinstance(e, Exception)]
        self._deaf = self._deaf or bool(errors)
        for name in move.nodes if errors else ():
            self._errors[name] = errors[0]
        return set() if errors else set(nodes)

    def _configure(self, place: Place, here: Here, out: frozenset[str]) -> None:
        setting.setup(
            self.site,
            place,
            event="configure",
            out=out,
            watch=self.watch(place.node.name),
            here=here,
        )

    def _no_balancer(self) -> Exception | None:
        """Why a balancer cannot be told anything: to be known before anything is begun."""
        told = abreast(
            self.balancers, lambda place, here: carry.ask(place.transport, ["facts"], "facts")
        )
        return next((one for one in told if isinstance(one, Exception)), None)

    def _advise(self, trouble: Exception, nodes: Sequence[str]) -> None:
        """Say which nodes a deploy may leave out, when it is they who cannot be reached."""
        down = [
            name
            for name in nodes
            if isinstance(self._errors.get(name), Unreachable) and len(nodes) < len(self._nodes)
        ]
        if down and isinstance(trouble, Unreachable):
            without = " ".join(f"--without {name}" for name in down)
            hint = "; ".join(filter(None, (trouble.trouble.hint, f"without it: {without}")))
            message = f"{trouble.trouble.message}; nothing was begun on any node"
            trouble.trouble = replace(trouble.trouble, message=message, hint=hint)

    def _ended(self, trouble: Exception | None, seen: Seen) -> Exception:
        """The first error, with how the nodes were left."""
        if not isinstance(trouble, ToqueError):
            return trouble or Failed(
                "run-stopped",
                "the rollout was stopped",
                hint="run the same command again: it goes on where this one ended",
            )
        left = [
            f"{word}: {', '.join(sorted(names))}"
            for word, names in (
                ("put back", seen.back),
                ("could not be put back", seen.stuck),
                ("kept out of the balancer", seen.out),
                ("the balancer was not told of", seen.unheard),
            )
            if names
        ]
        told = trouble.trouble
        hint = told.hint
        if seen.unheard:
            names = " ".join(place.node.name for place in self.balancers)
            hint = f"toque converge {names} --event configure, when it can be reached"
        elif seen.stuck:
            hint = (
                f"{hint}; when {', '.join(sorted(seen.stuck))} can be reached: "
                f"toque deploy {self.app.name}"
            )
        message = "; ".join((told.message, *left))
        trouble.trouble = replace(told, message=message, hint=hint)
        return trouble


def _whole(reports: Sequence[Report]) -> Report:
    """The runs of one node as one report."""
    return replace(
        reports[-1],
        outcomes=tuple(outcome for report in reports for outcome in report.outcomes),
        seconds=sum(report.seconds for report in reports),
    )
