"""Running checks: what counts, what is told of each, and what becomes of those that hang.

The machine is this host, by the way that leads to any node.
"""

from __future__ import annotations

import json
import os
import sys
import textwrap
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest

from toque.errors import Failed
from toque.kitchen import junit
from toque.kitchen.look import python_words
from toque.kitchen.outcome import EMPTY, FAILED, HUNG, PASSED, SKIPPED, Result
from toque.kitchen.process import with_argument
from toque.kitchen.subject import Subject, from_text, to_text
from toque.kitchen.verify import Limits, require, run_verify

pytestmark = pytest.mark.slow

HERE = Subject("here", "127.0.0.1", command=python_words(sys.executable))
SOON = Limits(check_s=2, all_s=60, grace_s=0.5)

Verify = Callable[..., Result]


@pytest.fixture
def verified(tmp_path: Path) -> Verify:
    def verify(text: str, *, limits: Limits = SOON, **files: str) -> Result:
        folder = tmp_path / "checks"
        folder.mkdir(exist_ok=True)
        for name, content in {"test_it": text, **files}.items():
            (folder / f"{name}.py").write_text(textwrap.dedent(content))
        return run_verify({"it": HERE}, folder, os.environ, limits=limits)

    return verify


def outcomes(result: Result) -> dict[str, str]:
    return {check.id.partition("::")[2]: check.outcome for check in result.each}


@pytest.mark.requirement("R15")
def test_what_counts_as_a_check(verified: Verify, tmp_path: Path) -> None:
    result = verified(
        """
        import pytest
        from helper import holds
        from conftest import holds_too

        @pytest.fixture(scope="module")
        def root(machine):
            return machine.user("root")

        def test_asserts(machine):
            assert machine.user("root")

        def test_asserts_by_a_program_that_ends_well(machine):
            machine.run("true")

        def test_asserts_in_a_helper(machine):
            holds(machine.user("root"))

        def test_asserts_in_a_helper_of_all(machine):
            holds_too(machine.user("root"))

        def test_asserts_on_what_a_fixture_saw(root):
            assert root.uid == 0

        def test_asserts_nothing(machine):
            machine.user("root")

        def test_runs_and_asserts_nothing(machine):
            machine.run("false", check=False)

        def test_looks_at_nothing():
            assert 1 + 1 == 2

        def test_fails(machine):
            assert machine.user("root") is None

        def test_is_skipped(machine):
            pytest.skip("not here")
        """,
        helper="def holds(value):\n    assert value\n",
        conftest="from more import holds as holds_too\n",
        more="def holds(value):\n    assert value\n",
    )

    assert outcomes(result) == {
        "test_asserts": PASSED,
        "test_asserts_by_a_program_that_ends_well": PASSED,
        "test_asserts_in_a_helper": PASSED,
        "test_asserts_in_a_helper_of_all": PASSED,
        "test_asserts_on_what_a_fixture_saw": PASSED,
        "test_asserts_nothing": EMPTY,
        "test_runs_and_asserts_nothing": EMPTY,
        "test_looks_at_nothing": EMPTY,
        "test_fails": FAILED,
        "test_is_skipped": SKIPPED,
    }
    assert result.summary == "6 checks, 1 failed, 1 skipped, 3 without an assertion"
    assert "EMPTY test_it.py::test_asserts_nothing - it passes without asserting" in result.output
    assert sorted(path.name for path in (tmp_path / "checks").iterdir()) == [
        "conftest.py",
        "helper.py",
        "more.py",
        "test_it.py",
    ]


@pytest.mark.requirement("R15")
@pytest.mark.parametrize(
    "text",
    [
        "",
        "def test_nothing(machine):\n    machine.user('root')\n",
        "def test_sum():\n    assert 1 + 1 == 2\n",
        "import pytest\ndef test_later(machine):\n    pytest.skip('later')\n",
    ],
)
def test_a_suite_that_asserts_nothing_has_failed(verified: Verify, text: str) -> None:
    result = verified(text)

    assert not result.ok
    with pytest.raises(Failed, match="0 checks, 0 failed") as error:
        require(result)
    assert error.value.code == "kitchen-verify-failed"
    suite = ET.fromstring(junit.document({"it": result})).find("testsuite")
    assert suite is not None
    assert suite.get("errors") == "1"  # CI that reads nothing else sees it, too


@pytest.mark.requirement("R15")
def test_checks_that_somebody_has_compiled_before_are_seen_to_assert(
    verified: Verify, tmp_path: Path
) -> None:
    """pytest compiles a file once, and another run of it does not tell its assertions."""
    text = "def test_it(machine):\n    assert machine.user('root')\n"
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks" / "test_it.py").write_text(text)
    (tmp_path / "checks" / "conftest.py").write_text(
        "import pytest\n@pytest.fixture\ndef machine():\n    raise RuntimeError\n"
    )
    pytest.main(["-q", "-p", "no:cacheprovider", str(tmp_path / "checks")])
    (tmp_path / "checks" / "conftest.py").unlink()

    assert verified(text).checks == 1


def test_only_checks_are_compiled_anew_not_what_plugins_import_besides(verified: Verify) -> None:
    result = verified(
        """
        import sys

        WHEN_IMPORTED = sys.pycache_prefix

        def test_imported(machine):
            assert WHEN_IMPORTED and machine.user("root")

        def test_run(machine):
            assert sys.pycache_prefix == WHEN_IMPORTED and machine.user("root")
        """,
        conftest="""
        import sys

        def pytest_terminal_summary(terminalreporter):
            terminalreporter.write_line(f"in the end: {sys.pycache_prefix}")
        """,
    )
    assert set(outcomes(result).values()) == {PASSED}
    assert f"in the end: {sys.pycache_prefix}" in result.output


def test_a_failed_check_shows_what_it_has_seen_and_no_secret(verified: Verify) -> None:
    result = verified(
        """
        def test_it(machine):
            machine.run("sleep", "0")
            machine.variables(machine.processes(argument="-c")[-1].pid)
            assert machine.file("/nothing").mode == 0o600
        """
    )

    assert "seen on it" in result.output
    assert "file /nothing: not there" in result.output
    assert "run sleep 0: ended with 0" in result.output
    assert "values are not shown" in result.output
    (check,) = result.each
    assert check.message == "AttributeError: 'NoneType' object has no attribute 'mode'"
    assert "file /nothing: not there" in check.details


def test_files_that_pytest_cannot_read_are_not_a_good_suite(verified: Verify) -> None:
    result = verified("def test_it(machine:\n")

    assert (result.ok, result.broken) == (False, True)
    assert "SyntaxError" in result.output


def test_a_check_that_ends_pytest_itself_is_named(verified: Verify) -> None:
    result = verified(
        """
        import os
        def test_good(machine):
            machine.run("true")
        def test_bad(machine):
            os._exit(0)
        """
    )

    assert outcomes(result) == {"test_good": PASSED, "test_bad": FAILED}
    assert not result.ok


def test_a_check_that_waits_is_interrupted_and_the_others_are_run(verified: Verify) -> None:
    """What it has started is gone: also what hid in a session of its own."""
    result = verified(
        """
        import subprocess

        def test_waits(machine):
            print("so far")
            subprocess.run("setsid sleep 141.42 & sleep 173.2", shell=True)

        def test_after(machine):
            machine.run("true")
        """
    )

    assert outcomes(result) == {"test_waits": FAILED, "test_after": PASSED}
    assert "so far" in result.output
    assert with_argument("141.42") + with_argument("173.2") == []


def test_a_check_that_does_not_heed_signals_is_killed(verified: Verify) -> None:
    """A C call that never returns to Python, in a process that ignores SIGTERM."""
    result = verified(
        """
        import os, signal, subprocess, sys

        def test_before(machine):
            machine.run("true")

        def test_busy(machine):
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            os.write(2, b"so far")
            subprocess.Popen(["sleep", "223.6"], start_new_session=True)
            sum(range(10**15))

        def test_after(machine):
            machine.run("true")
        """
    )

    assert outcomes(result) == {"test_before": PASSED, "test_busy": HUNG}
    assert result.hung == "test_it.py::test_busy did not end within 2 s"
    assert with_argument("223.6") == []
    with pytest.raises(Failed, match="test_busy did not end within 2 s") as error:
        require(result)
    assert error.value.code == "kitchen-verify-hangs"
    suite = ET.fromstring(junit.document({"it": result})).find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")


def test_checks_that_take_too_long_together_are_ended(verified: Verify) -> None:
    result = verified(
        """
        import time, pytest

        @pytest.mark.parametrize("number", range(50))
        def test_slow(machine, number):
            assert machine.user("root")
            time.sleep(0.5)
        """,
        limits=Limits(check_s=5, all_s=4, grace_s=1),
    )

    assert "the checks did not end within 4 s" in result.hung
    assert not result.ok
    assert "." in result.output


def test_what_pytest_finds_before_a_check_hangs_too(verified: Verify) -> None:
    result = verified("import time\ntime.sleep(1000)\n", limits=Limits(all_s=3))

    assert result.hung == "the checks did not end within 3 s"
    assert not result.ok


def test_every_machine_of_a_suite_is_there_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "def test_it(machine, machines):\n"
        "    assert list(machines) == ['web', 'db']\n"
        "    assert machines['web'] is machine\n"
        "    assert machines['db'].name == 'other'\n"
    )
    other = Subject("other", "127.0.0.1", command=python_words(sys.executable))

    result = run_verify({"web": HERE, "db": other}, tmp_path, os.environ)

    assert (result.ok, result.checks) == (True, 1), result.output


def test_junit_can_be_read_whatever_checks_print(verified: Verify) -> None:
    result = verified(
        """
        def test_it(machine):
            assert machine.run("printf", "\\\\033[1m\\\\001<&").out == "]]>"
        """
    )

    root = ET.fromstring(junit.document({"web1": result, "web2": result}))

    assert [suite.get("name") for suite in root] == ["web1", "web2"]
    (failure,) = root[0].iter("failure")
    assert "test_it" in (failure.text or "")
    assert [case.attrib["classname"] for case in root[0]] == ["test_it"]


def test_results_as_json_have_each_check(verified: Verify) -> None:
    value = verified("def test_it(machine):\n    assert machine.user('no')\n").as_json()

    (one,) = json.loads(json.dumps(value))["results"]
    assert (value["ok"], value["checks"], value["failed"]) == (False, 1, 1)
    assert (one["id"], one["outcome"]) == ("test_it.py::test_it", FAILED)
    assert one["message"].startswith("AssertionError: assert None")
    assert one["seconds"] >= 0


def test_machines_travel_as_text() -> None:
    there = {"web": Subject("a", "::1", {"http": 8}, "", ("ssh", "a"), True, {"Port": "1"}, ("k",))}

    assert from_text(to_text(there)) == there
