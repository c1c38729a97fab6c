"""A load is aimed at machines of our own and has bounds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from toque.errors import AskedWrongly
from toque.kitchen.load import Load, LoadPlan

GOOD = LoadPlan(address="127.0.0.1", port=80, expect={"/": "hello"})


@pytest.mark.parametrize("address", ["127.0.0.1", "127.1.2.3", "::1"])
def test_loopback_may_be_loaded(address: str) -> None:
    replace(GOOD, address=address).validate()


def test_private_address_may_be_loaded_when_it_is_allowed() -> None:
    replace(GOOD, address="10.80.0.2", allowed=frozenset({"10.80.0.2"})).validate()


@pytest.mark.parametrize("address", ["10.80.0.2", "192.0.2.1", "8.8.8.8", "localhost", "0.0.0.0"])
def test_any_other_address_is_refused(address: str) -> None:
    with pytest.raises(AskedWrongly) as caught:
        Load(replace(GOOD, address=address, allowed=frozenset({"10.80.0.3"})))

    assert caught.value.code == "load-address-refused"
    assert caught.value.trouble.found == address


@pytest.mark.parametrize("address", ["8.8.8.8", "0.0.0.0", "example.org"])
def test_public_address_is_refused_even_when_allowed(address: str) -> None:
    with pytest.raises(AskedWrongly):
        replace(GOOD, address=address, allowed=frozenset({address})).validate()


@pytest.mark.parametrize(
    "changes",
    [
        {"rate_per_s": -1.0},
        {"rate_per_s": 1e9},
        {"rate_per_s": float("nan")},
        {"connections_keepalive": 0, "connections_new": 0},
        {"connections_new": 1000},
        {"max_requests": 0},
        {"max_seconds": 1e9},
        {"expect": {}},
    ],
)
def test_load_without_bounds_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(AskedWrongly) as caught:
        replace(GOOD, **changes).validate()

    assert caught.value.code == "load-without-bounds"


def test_pattern_that_is_none_is_refused() -> None:
    with pytest.raises(AskedWrongly) as caught:
        replace(GOOD, expect={"/": "("}).validate()

    assert caught.value.code == "load-pattern-invalid"
