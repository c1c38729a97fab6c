"""What a run has recorded after a power cut around the moment at which it tells its report (DU-1).

    python power_cut_told.py FOLDER

prints one JSON line a cut: which recorder, whether the report had been told, and what the record
and the list of owed actions hold afterwards.  ``BROKEN`` are recorders that tell too early; on
them the harness has to see a loss.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from power_cut import Disk
from toque.node import journal
from toque.node.detach import Recorder
from toque.node.model import Action

RUN = "20260101T000000-abc123"
PAID, OWED = Action("service:paid", "restart"), Action("service:owed", "restart")
REPORT = {"type": "report", "report": {"run": RUN, "owed": [[OWED.target, OWED.verb]]}}


class TellsFirst(Recorder):
    """Tells, and records then."""

    def flush(self, *, last: bool = False) -> None:
        self._send(self._waiting)
        wire, self.wire = self.wire, None
        super().flush(last=last)
        self.wire = wire


class NeverSyncs(Recorder):
    """Takes what was written for what is on the disk."""

    def _record(self, data: bytes, last: bool) -> None:
        super()._record(data, False)


OURS: dict[str, type[Recorder]] = {"ours": Recorder}
BROKEN: dict[str, type[Recorder]] = {"tells first": TellsFirst, "never syncs": NeverSyncs}


def main(folder: Path) -> None:
    disk = Disk.made(folder)
    for name, recorder in {**OURS, **BROKEN}.items():
        wires = []

        def prepared(wires: list[tuple[int, int]] = wires) -> None:
            wires.append(os.pipe())

        def act(recorder: type[Recorder] = recorder, wires: list[tuple[int, int]] = wires) -> None:
            walk(disk.top, recorder, wires[-1][1])

        for cut in disk.cuts(prepared, act):
            told = heard(*wires.pop())
            with disk.powered():
                whole, owed = after(disk.top)
            print(json.dumps([name, told, cut.done, whole, owed]), flush=True)


def heard(reader: int, wire: int) -> bool:
    """Whether the report has reached the other end of the wire."""
    os.close(wire)
    with open(reader, "rb") as pipe:
        return pipe.read().endswith(json.dumps(REPORT).encode() + b"\n")


def walk(disk: Path, recorder: type[Recorder], wire: int) -> None:
    """What a run of two actions does with its state: one of them is performed, one is owed."""
    ledger = journal.DiskJournal(str(disk))
    directory = journal.run_directory(str(disk), RUN)
    tell = recorder(os.path.join(directory, "events.jsonl"), wire)
    tell({"type": "start", "run": RUN})
    ledger.owe((PAID, OWED))
    for number in range(30):
        tell({"type": "outcome", "outcome": {"step": f"file:/{number}", "status": "ok"}})
    ledger.settle((PAID,))
    tell(REPORT)


def after(top: Path) -> tuple[bool, bool]:
    """When the power is back: is the report whole in the record, and is owed what it said?"""
    record = Path(journal.events_path(str(top), RUN))
    lines = record.read_bytes().splitlines(keepends=True) if record.exists() else []
    whole = lines[-1:] == [json.dumps(REPORT).encode() + b"\n"] and len(lines) == 32
    return whole, journal.DiskJournal(str(top)).owed() == (OWED,)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
