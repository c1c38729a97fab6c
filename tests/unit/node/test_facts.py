"""What a machine is can be told of another tree, and where there is no /proc."""

import builtins
import os
from pathlib import Path
from typing import Any

import pytest

from toque.node import facts

OS_RELEASE = 'ID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\n# a remark\n'


def machine(root: Path) -> Path:
    (root / "etc").mkdir()
    (root / "etc/os-release").write_text(OS_RELEASE)
    (root / "etc/machine-id").write_text("abc123\n")
    return root


def test_release_of_the_system_is_read_with_its_quotes_taken_off(tmp_path: Path) -> None:
    found = facts.gather(str(machine(tmp_path)))

    assert (found.os, found.release, found.codename) == ("debian", "12", "bookworm")
    assert found.machine_id == "abc123"
    assert found.cpus >= 1
    assert found.memory_mb > 100


def test_systemd_is_known_by_its_running_and_not_by_its_programs(tmp_path: Path) -> None:
    machine(tmp_path)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/systemctl").touch()
    assert facts.gather(str(tmp_path)).init == "supervisor"

    (tmp_path / "run/systemd/system").mkdir(parents=True)

    found = facts.gather(str(tmp_path))
    assert (found.init, found.init_reason) == ("systemd", "/run/systemd/system exists")


def test_empty_tree_has_facts_too(tmp_path: Path) -> None:
    found = facts.gather(str(tmp_path))

    assert (found.os, found.machine_id, found.init) == ("", "", "supervisor")


def test_nothing_in_proc_is_opened_and_no_process_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(tmp_path)
    opened = builtins.open

    def watched(path: Any, *more: Any, **named: Any) -> Any:
        assert not str(path).startswith("/proc"), path
        return opened(path, *more, **named)

    def forbidden(*_: Any, **__: Any) -> Any:
        raise AssertionError("a process was started")

    monkeypatch.setattr(builtins, "open", watched)
    monkeypatch.setattr(os, "fork", forbidden)
    monkeypatch.setattr("subprocess.Popen", forbidden)

    assert facts.gather(str(tmp_path)).python.startswith("3.")


def test_loopback_is_no_address_of_a_machine() -> None:
    assert not [a for a in facts.gather().addresses if a.startswith("127.")]
