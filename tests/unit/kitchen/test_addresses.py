"""Subnets, addresses and ports are picked around what is taken."""

import json
from ipaddress import IPv4Network

import pytest

from toque.errors import Failed
from toque.kitchen.addresses import POOL, free_address, free_port, free_subnet, gateway, routed


def test_a_subnet_that_the_host_routes_is_left_alone():
    routes = [
        {"dst": "default", "gateway": "192.0.2.1"},
        {"dst": "10.213.0.0/24", "dev": "vpn0"},
        {"dst": "10.213.1.7", "dev": "vpn0"},
        {"type": "unreachable", "dst": "10.213.2.0/23"},
    ]

    assert free_subnet(routed(json.dumps(routes))) == IPv4Network("10.213.4.0/24")


def test_a_pool_routed_as_a_whole_is_an_error():
    with pytest.raises(Failed) as error:
        free_subnet([POOL.supernet()])

    assert error.value.code == "kitchen-no-subnet"


def test_addresses_start_after_the_gateway_and_skip_taken_ones():
    subnet = IPv4Network("10.213.4.0/24")

    assert str(gateway(subnet)) == "10.213.4.1"
    assert str(free_address(subnet, ["10.213.4.2", "10.213.4.3"])) == "10.213.4.4"


def test_a_full_subnet_is_an_error():
    subnet = IPv4Network("10.213.4.0/24")

    with pytest.raises(Failed) as error:
        free_address(subnet, [str(a) for a in subnet])

    assert error.value.code == "kitchen-no-address"


def test_a_port_is_neither_another_machines_nor_in_use():
    assert free_port({20000, 20002}, lambda port: port != 20001) == 20003


def test_two_kitchens_look_for_ports_in_different_places():
    assert free_port(set(), lambda port: True, seed=7) == 20007
    assert free_port({29999}, lambda port: True, seed=9999) == 20000


def test_no_free_port_is_an_error():
    with pytest.raises(Failed) as error:
        free_port(set(), lambda port: False)

    assert error.value.code == "kitchen-no-port"
