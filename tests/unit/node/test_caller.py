import pytest

from toque.node.caller import Caller, caller

SSH = b"SSH_CONNECTION=10.0.0.9 50000 10.0.0.1 2222"


def processes(root, *chain):
    """A process and those above it, each by its environment."""
    for number, environ in enumerate(chain, 2):
        above = number + 1 if number - 1 < len(chain) else 0
        folder = root / str(number)
        folder.mkdir()
        (folder / "environ").write_bytes(environ)
        (folder / "stat").write_bytes(b"%d (a) b (c)) S %d 9 9" % (number, above))
    return caller("2", str(root))


def test_the_session_is_in_the_environment(tmp_path):
    assert processes(tmp_path, b"A=b\0" + SSH + b"\0") == Caller("10.0.0.9", 2222)


def test_what_sudo_dropped_is_found_above_it(tmp_path):
    assert processes(tmp_path, b"", b"SUDO_UID=1000\0", SSH, b"") == Caller("10.0.0.9", 2222)


@pytest.mark.parametrize("value", [b"", b"SSH_CONNECTION=nonsense", b"SSH_CONNECTION=a b c d"])
def test_a_process_that_nobody_started_by_ssh_has_no_caller(tmp_path, value):
    assert processes(tmp_path, value, b"") is None


def test_a_machine_without_proc_tells_nobody(tmp_path):
    assert caller("2", str(tmp_path)) is None
