"""The limit ends what is too slow, and leaves the process's timer as it was."""

import signal

import pytest

from toque.cookbooks.timelimit import TooSlow, time_limit


@pytest.mark.timeout(0)  # that plugin uses the same timer
def test_timer_and_handler_are_put_back():
    before = signal.getsignal(signal.SIGALRM)

    with pytest.raises(TooSlow), time_limit(0.01):
        while True:
            pass

    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) is before


def test_nothing_happens_in_time():
    with time_limit(10):
        done = True

    assert done


def test_zero_means_no_limit():
    before = signal.getitimer(signal.ITIMER_REAL)[1]

    with time_limit(0):
        assert signal.getitimer(signal.ITIMER_REAL)[1] == before


@pytest.mark.timeout(0)
def test_a_timer_that_ran_before_goes_on():
    before = signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 100, 7)
    try:
        with time_limit(10):
            pass
        delay, interval = signal.getitimer(signal.ITIMER_REAL)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

    assert 90 < delay <= 100
    assert interval == 7
