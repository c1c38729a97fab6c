"""Locales on a real machine."""

import os

from toque_node.resources.locale import Locale
from toque_node.resources.package import Package

NOT = {"sensitive": "a locale is no secret"}


def _there(node):
    return node.out("locale", "-a").split()


def a_first_look_without_the_package(node):  # cases run in the order of their names
    node.refuses(Locale("de_CH.UTF-8"), "program-missing")
    node.leaves(Locale("C.UTF-8"))
    outcome = node.walk(Package("locales"))
    assert outcome.status.value in ("changed", "ok"), outcome


def present(node):
    node.makes(Locale("de_CH.UTF-8"))
    node.makes(Locale("fr_CH.UTF-8", default=True))
    assert {"de_CH.utf8", "fr_CH.utf8"} <= set(_there(node))
    assert node.out("cat", "/etc/default/locale").splitlines()[-1] == "LANG=fr_CH.UTF-8"
    said = node.out("env", "LC_ALL=de_CH.UTF-8", "date", "+%A", "-d", "2026-11-22")
    assert said == "Sonntag"
    node.makes(Locale("fr_CH.UTF-8", default=False))


def unmanaged(node):
    node.put("/etc/default/locale", b"LANGUAGE=de\nLANG=C.UTF-8\n")
    node.walk(Locale("de_CH.UTF-8"))
    assert node.read("/etc/default/locale") == b"LANGUAGE=de\nLANG=C.UTF-8\n"
    node.makes(Locale("de_CH.UTF-8", default=True))
    assert node.read("/etc/default/locale") == b"LANGUAGE=de\nLANG=de_CH.UTF-8\n"


def variant(node):
    node.makes(Locale("de_DE@euro"))
    assert "de_DE@euro" in _there(node)


def absent(node):
    node.walk(Locale("it_CH.UTF-8"))
    node.makes(Locale("it_CH.UTF-8", absent=True))
    assert "it_CH.utf8" not in _there(node)


def unknown_name(node):
    before = node.read("/etc/locale.gen")
    node.refuses(Locale("xx_XX.UTF-8"), "locale-unknown")
    assert node.read("/etc/locale.gen") == before


def absent_tool(node):
    with node.without("locale-gen"):
        node.refuses(Locale("fr_BE.UTF-8"), "program-missing")
    assert b"\nfr_BE.UTF-8" not in node.read("/etc/locale.gen")
    with node.without("locale"):
        assert node.found(Locale("fr_BE.UTF-8")) == "program-missing"
    assert os.path.exists("/usr/bin/locale")
