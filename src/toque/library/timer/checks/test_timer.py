"""Jobs run on time, as whom they should, and not longer than they may."""

import time

STAMP = "/var/tmp/toque stamp 100%"


def test_a_job_runs_by_itself_as_its_user(machine):
    deadline = time.monotonic() + 30
    while machine.file(STAMP) is None and time.monotonic() < deadline:
        time.sleep(0.5)

    assert machine.file(STAMP).owner == "nobody"


def test_timers_wait_and_start_at_boot(machine):
    for name in ("toque-job-stamp.timer", "toque-job-long.timer"):
        found = machine.service(name)
        assert (found.running, found.enabled) == (True, True)


def test_a_run_that_takes_too_long_is_ended(machine):
    machine.run("systemctl", "start", "toque-job-long.service", check=False)
    shown = machine.run("systemctl", "show", "-p", "Result", "toque-job-long.service")

    assert shown.out.strip() == "Result=timeout"
