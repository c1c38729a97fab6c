"""Which new connections a machine takes: one table of nftables that is ours alone."""

import hashlib
from typing import ClassVar, FrozenSet, List, Optional, Sequence, Tuple

from .. import nft
from ..claim import Claim
from ..contents import text_at
from ..errors import StepFailed
from ..inits import choose
from ..nft import FirewallRule
from ..record import dataclass
from ..resource import Invalid, Resource, State, text_diff
from ..system import Result, System
from .service import Service
from .unit import Unit

STORED = "/etc/toque-firewall.nft"
BACK = "/run/toque-firewall-back.nft"
UNDO = "toque-firewall-undo"  # the timer that puts the old table back
UNDO_S = 60  # NO-6 of our security rules: longer than a caller may take to come again
MARK = "# listed: "

UNIT = f"""[Unit]
Description=Toque firewall
DefaultDependencies=no
Wants=network-pre.target
Before=network-pre.target shutdown.target
Conflicts=shutdown.target
# Debian's own unit begins and ends with a flush of everything.
After=nftables.service
PartOf=nftables.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/nft -f {STORED}
ExecReload=/usr/sbin/nft -f {STORED}

[Install]
WantedBy=sysinit.target
"""


@dataclass(frozen=True)
class Firewall(Resource):
    """Which new connections the machine takes::

        Firewall(
            rules=(
                FirewallRule("accept", ports=(22, 80, 443)),
                FirewallRule("accept", ports=(5432,), sources=("10.0.0.0/8", "fd00::/8")),
            )
        )

    The first rule that fits decides, and ``otherwise`` (drop, reject or accept) when none does.
    Before the rules come answers to what the machine began itself, its loopback and ICMP.  What
    leaves it or passes through is not touched, nor any other table: a packet has to pass all.

    It never locks out who applies it.  A rule set that would not take a new connection from the
    address and to the port of the SSH session of this run is refused.  Then the table is checked
    and put in place in one transaction, the controller has to come again by a new connection, and
    only then is the table stored and loaded at boot; otherwise the old one is put back, by a timer
    of systemd when the run itself is gone.

    Needs the package ``nftables`` and systemd.  ``absent=True`` removes the table.
    """

    rules: Tuple[FirewallRule, ...] = ()
    otherwise: str = "drop"
    absent: bool = False

    kind: ClassVar[str] = "firewall"
    disturbs: ClassVar[Optional[FrozenSet[str]]] = frozenset({"units"})

    @property
    def key(self) -> str:
        """A machine has one: two of these in a plan are a mistake."""
        return nft.TABLE

    def validate(self) -> None:
        if self.otherwise not in nft.ACTIONS:
            raise Invalid("otherwise", f"one of {', '.join(nft.ACTIONS)}", self.otherwise)
        for rule in self._rules():
            if rule.action not in nft.ACTIONS:
                raise Invalid("rules", f"an action of {', '.join(nft.ACTIONS)}", rule)
            if rule.protocol not in nft.PROTOCOLS:
                raise Invalid("rules", f"a protocol of {', '.join(nft.PROTOCOLS)}", rule)
            if isinstance(rule.ports, (str, int)) or isinstance(rule.sources, str):
                raise Invalid("rules", "tuples of ports and of sources", rule)
            if rule.ports and rule.protocol == "any":
                raise Invalid("rules", "tcp or udp beside ports", rule)
            try:
                for port in rule.ports:
                    nft.span(port)
                for source in rule.sources:
                    nft.network(source)
            except ValueError as error:
                raise Invalid(
                    "rules", "ports, and networks such as 10.0.0.0/8", str(error)
                ) from None

    def claims(self) -> Sequence[Claim]:
        return (Claim(STORED), *self._unit().claims())

    def wanted(self) -> Optional[State]:
        if self.absent:
            return None
        return {"rules": self._text(), "live": True, "boot": True}

    def found(self, system: System) -> Optional[State]:
        stored, listed = _stored(system)
        there = _listing(system)
        if self.absent:
            return None if stored is None and there is None else {"rules": stored}
        self._need_systemd(system)
        state = {
            "rules": stored,
            "live": there is not None and listed == _digest(there),
            "boot": stored is not None and self._boots(system),
        }
        if state["rules"] != self._text() or not state["live"]:
            self._check_session(system)  # check mode has to say so too
        return None if stored is None and there is None else state

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        if self.absent:
            self._unit().fix(system, frozenset())
            _nft(system, nft.swapped(""))
            system.remove(STORED)
            return
        if keys & {"rules", "live"}:
            _nft(system, nft.swapped(self._text()), "--check")
            self._put_in_place(system)
            listing = _listing(system) or ""
            text = f"{MARK}{_digest(listing)}\n{nft.swapped(self._text())}"
            system.write(STORED, text.encode(), mode=0o600)
        unit, service = self._unit(), self._service()
        if unit.found(system) != unit.wanted():
            unit.fix(system, frozenset({"content", "loaded"}))
        system.forget(self.disturbs)
        service.fix(system, frozenset({"enabled"}))

    def _put_in_place(self, system: System) -> None:
        """The new table stays when the caller still gets here."""
        back = nft.swapped(_listing(system) or "")
        system.write(BACK, back.encode(), mode=0o600)
        # A run that was killed may have left its timer, whose table this run has seen already.
        self._disarm(system)
        timer = ["--timer-property=AccuracySec=1s", f"--on-active={UNDO_S}"]
        system.run(["systemd-run", "--quiet", f"--unit={UNDO}", *timer, "nft", "-f", BACK])
        try:
            _nft(system, nft.swapped(self._text()))
            system.progress("waiting for the caller to come again")
            if system.caller is not None and not system.reachable():
                _nft(system, back)
                raise StepFailed(
                    "firewall-not-confirmed",
                    "no new connection came through the new table; the old one is back",
                    expected=f"the controller at {system.caller.address} to come again",
                    found="silence",
                    hint="look for rules of other tables with: nft list ruleset",
                )
        finally:
            self._disarm(system)
            system.remove(BACK)

    def _disarm(self, system: System) -> None:
        system.run(["systemctl", "stop", f"{UNDO}.timer"], check=False)

    def _check_session(self, system: System) -> None:
        caller = system.caller
        if caller is None:
            return
        becomes = nft.verdict(self._rules(), self.otherwise, caller.address, caller.port)
        if becomes != "accept":
            raise StepFailed(
                "firewall-cuts-session",
                "these rules would lock out the SSH session that applies them",
                expected=f"connections from {caller.address} to port {caller.port} to be accepted",
                found=becomes,
                hint=f'FirewallRule("accept", ports=({caller.port},)) before the rule that does so',
            )

    def _need_systemd(self, system: System) -> None:
        if system.facts.init != "systemd":
            raise StepFailed(
                "firewall-needs-systemd",
                "a firewall needs systemd, which does not run on this machine",
                expected="systemd",
                found=system.facts.init,
                hint='leave the step out there: when=Guard("fact", ["init", "systemd"])',
            )

    def _rules(self) -> List[FirewallRule]:
        try:
            return [FirewallRule(*rule) for rule in self.rules]  # they travel as plain lists
        except TypeError:
            raise Invalid("rules", "a tuple of FirewallRule", self.rules) from None

    def _text(self) -> str:
        return nft.table(self._rules(), self.otherwise)

    def _unit(self) -> Unit:
        return Unit("toque-firewall.service", UNIT, self.absent)

    def _service(self) -> Service:
        return Service("toque-firewall", enabled=True)

    def _boots(self, system: System) -> bool:
        unit = self._unit()
        there = unit.found(system) == unit.wanted()
        return there and choose(system).state(unit.name).enabled

    def show(self, found: Optional[State], keys: FrozenSet[str]) -> List[str]:
        old = (found or {}).get("rules") or ""
        lines = text_diff(old, "" if self.absent else self._text())
        if "live" in keys and found and "rules" not in keys:
            lines.append("~ live: something else -> these rules")
        if "boot" in keys and found:
            lines.append("~ loaded at boot: no -> yes")
        return lines


def _stored(system: System) -> Tuple[Optional[str], str]:
    """The table that the next boot loads, and the digest of how nft lists it."""
    text = text_at(system, STORED)
    if text is None:
        return None, ""
    mark, _, rest = text.partition("\n")
    return rest[len(nft.swapped("")) :], mark[len(MARK) :]


def _listing(system: System) -> Optional[str]:
    """Our table as nft lists it, without counters; None when there is none."""
    result = system.run(["nft", "--stateless", "list", "table", "inet", nft.TABLE], check=False)
    if result.code == 0:
        return result.text
    if b"No such file or directory" in result.err:
        return None
    raise _refused("nft cannot list the tables of this machine", result)


def _nft(system: System, text: str, *options: str) -> None:
    result = system.run(["nft", *options, "-f", "-"], stdin=text.encode(), check=False)
    if result.code != 0:
        raise _refused("nft refuses the new table; the old one stays", result)


def _refused(message: str, result: Result) -> StepFailed:
    return StepFailed(
        "firewall-refused",
        message,
        expected="nft to end with status 0",
        found=f"status {result.code}",
        hint="see: nft list ruleset",
        log=result.tail(),
    )


def _digest(listing: str) -> str:
    return hashlib.sha256(listing.encode()).hexdigest()
