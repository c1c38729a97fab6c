"""The time zone on a real machine."""

import os

from toque_node.resources.timezone import Timezone

NOT = {
    "absent": "a machine always has a time zone",
    "unmanaged": "a time zone is one name",
    "sensitive": "a time zone is no secret",
}


def present(node):
    node.makes(Timezone("Asia/Kathmandu"))
    assert node.out("date", "+%z", "-d", "2026-01-01") == "+0545"
    assert node.out("timedatectl", "show", "-p", "Timezone", "--value") == "Asia/Kathmandu"
    assert node.out("cat", "/etc/timezone") == "Asia/Kathmandu"
    node.run("timedatectl", "set-timezone", "Etc/UTC")  # leaves the text behind on Debian 12
    assert node.makes(Timezone("Etc/UTC")).diff == ("~ text: Asia/Kathmandu -> Etc/UTC",)


def without_the_text_of_old_releases(node):
    os.rename("/etc/timezone", "/etc/timezone.old")
    node.makes(Timezone("Europe/Zurich"))
    assert not os.path.exists("/etc/timezone")
    os.rename("/etc/timezone.old", "/etc/timezone")
    node.makes(Timezone("Etc/UTC"))


def absent_tool(node):
    node.refuses(Timezone("Europe/Nowhere"), "timezone-unknown")
    os.rename("/usr/share/zoneinfo/Europe/Zurich", "/usr/share/zoneinfo/hidden")
    node.refuses(Timezone("Europe/Zurich"), "timezone-unknown")
    os.rename("/usr/share/zoneinfo/hidden", "/usr/share/zoneinfo/Europe/Zurich")
