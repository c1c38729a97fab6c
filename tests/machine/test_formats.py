"""Each format with each value of the corpus, read back by the program that the format is for."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from format_checks import ENCODERS, MUTANTS, Read, corpus, judge
from machine_site import kitchen_in, require
from toque.kitchen import api

READERS = Path(__file__).parents[1] / "support" / "format_readers.py"
PACKAGES = ("cron", "nginx-light", "postgresql", "sudo", "uwsgi-core")
# What every format can hold; an encoder that refuses everything is safe and of no use.
EVERYWHERE = {"plain", "digits", "umlaut", "emoji", "dash", "dots", "63 bytes", "keyword all"}


@pytest.fixture(scope="module")
def read(kitchen_folder: Path) -> Iterator[Read]:
    """Lets the programs of one machine read."""
    kitchen = kitchen_in(kitchen_folder)
    require(kitchen, "nspawn")
    machine = api.create(kitchen, "formats", driver="nspawn", packages=PACKAGES)
    (machine.root / "root" / "readers.py").write_bytes(READERS.read_bytes())
    argv = ["python3", "-I", "-S", "-X", "utf8", "/root/readers.py"]

    def read(name, pairs):
        done = api.execute(kitchen, "formats", [*argv, name], json.dumps(pairs).encode())
        assert done.returncode == 0, done.stderr.decode()
        return [tuple(pair) for pair in json.loads(done.stdout.splitlines()[-1])]

    try:
        yield read
    finally:
        api.destroy(kitchen, "formats")


@pytest.mark.parametrize("name", ENCODERS)
def test_a_value_comes_back_or_is_refused(
    name: str, read: Read, record_property: Callable[[str, object], None]
) -> None:
    verdict = judge(name, ENCODERS[name], read, corpus())

    record_property("figure", str(verdict))
    assert verdict.changed == {}
    assert not EVERYWHERE - set(verdict.same)
    assert verdict.unclear == ()


@pytest.mark.parametrize(
    ("name", "number"), [(name, number) for name in MUTANTS for number in range(len(MUTANTS[name]))]
)
def test_a_broken_encoder_is_caught(
    name: str, number: int, read: Read, record_property: Callable[[str, object], None]
) -> None:
    # NUL and the longest values would only keep the programs from being asked at all.
    values = {title: v for title, v in corpus().items() if "\0" not in v and len(v) < 4096}
    verdict = judge(name, MUTANTS[name][number], read, values)

    record_property("figure", f"broken: {verdict}")
    assert verdict.changed
