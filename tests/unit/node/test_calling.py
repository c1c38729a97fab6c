import threading

import pytest

from toque.node import calling, journal

RUN = "20261122T220000-abc"


@pytest.fixture
def state(tmp_path):
    (tmp_path / "runs" / RUN).mkdir(parents=True)
    return str(tmp_path)


def test_a_caller_that_comes_is_noticed_once(state, monkeypatch):
    said = []

    caller = threading.Thread(target=calling.call, args=(RUN, said.append, state))
    caller.start()

    assert calling.called(state, RUN)
    caller.join()
    assert said == [{"type": "called"}]
    monkeypatch.setattr(calling, "PATIENCE_S", 0.0)
    assert not calling.called(state, RUN)


@pytest.mark.parametrize("run", ["nosuch", "../runs", f"../runs/{RUN}"])
def test_a_run_that_is_not_here_is_not_answered_for(state, run):
    said = []

    assert calling.call(run, said.append, state) == 1
    assert said[0]["code"] == "run-unknown"
    assert not journal.last_runs(state)[1:]
