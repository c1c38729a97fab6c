"""`toque remove`: a machine is given back as it was found."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fresh_machine import Fresh, fresh_machine

# What may differ: caches, logs and copies that Debian's own programs keep for themselves.
ELSEWHERE = (
    "/dev", "/proc", "/run", "/sys", "/tmp", "/var/backups", "/var/cache", "/var/lib/apt",
    "/var/lib/dpkg", "/var/lib/systemd", "/var/lib/ucf", "/var/log", "/var/tmp", "/root/.ssh",
)  # fmt: skip
COPIES = r".*/\(passwd\|group\|shadow\|gshadow\|subuid\|subgid\)-"
LISTING = (
    "find / -xdev "
    + " -o ".join(f"-path {path}" for path in ELSEWHERE).join(("\\( ", " \\) -prune -o "))
    + f"! -regex '{COPIES}' -printf '%p %y %m %u %g %l\\n' | sort"
)
DIGESTS = (
    f"find /etc /usr/local /srv /opt -xdev -type f ! -regex '{COPIES}' -print0"
    " | xargs -0 sha256sum | sort -k2"
)
THINGS = {
    "packages": "dpkg --list | cat",
    "by hand": "apt-mark showmanual",
    "users": "getent passwd; getent group",
    "units": "systemctl list-unit-files --no-pager",
    "files": LISTING,
    "contents": DIGESTS,
}


def things(fresh: Fresh) -> dict[str, list[str]]:
    return {name: fresh.sh(script).splitlines() for name, script in THINGS.items()}


def differences(before: dict[str, list[str]], after: dict[str, list[str]]) -> list[str]:
    return [
        f"{name}: {sign} {line}"
        for name in before
        for sign, one, other in (("-", before, after), ("+", after, before))
        for line in sorted(set(one[name]) - set(other[name]))
    ]


@pytest.fixture(scope="module")
def fresh(kitchen_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fresh]:
    with fresh_machine(kitchen_folder, tmp_path_factory.mktemp("remove"), "remove") as made:
        yield made


@pytest.mark.timeout(900)
def test_a_machine_is_as_it_was_before(fresh: Fresh) -> None:
    before = things(fresh)
    folder = fresh.project("django")
    fresh.up(folder, "--domain", "shop.example", GREETING="good day")
    assert differences(before, things(fresh))

    refused = fresh.run(folder, "remove", f"kitchen:{fresh.machine.name}", status=2)
    assert "not-agreed" in refused
    said = fresh.run(folder, "remove", "--yes")

    assert "is as it was found" in said
    assert "\n".join(differences(before, things(fresh))) == ""
    assert fresh.sh("ls /var/backups | grep ^toque-").count("\n") == 1


@pytest.mark.timeout(900)
def test_what_was_there_before_stays_and_serves_all_the_time(fresh: Fresh) -> None:
    fresh.sh(
        "apt-get install -y -q --no-install-recommends nginx-light >/dev/null;"
        " rm /etc/nginx/sites-enabled/default;"
        " printf 'server { listen 80; server_name by.hand; return 200 mine; }\\n'"
        " > /etc/nginx/sites-enabled/mine; systemctl restart nginx; useradd --system hand"
    )
    before = things(fresh)
    answers: list[tuple[int, str]] = []
    over = threading.Event()

    def visit() -> None:
        while not over.wait(0.1):
            answers.append(fresh.get("/", "by.hand"))

    visitor = threading.Thread(target=visit)
    visitor.start()
    try:
        folder = fresh.project("flask")
        fresh.up(folder, "--yes", "--domain", "shop.example")
        fresh.run(folder, "remove", "--yes", "--discard-data")
    finally:
        over.set()
        visitor.join()

    assert "\n".join(differences(before, things(fresh))) == ""
    assert len(answers) > 50
    assert set(answers) == {(200, "mine")}

    said = fresh.run(folder, "remove", "--yes", status=5)
    assert "[nothing-recorded]" in said
