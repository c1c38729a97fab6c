import subprocess
import sys

from toque.node.locks import lock_holder


def test_who_holds_a_lock_is_told_by_name_and_process(tmp_path):
    lock = tmp_path / "lock"
    assert lock_holder(str(lock)) == ""
    lock.touch()
    assert lock_holder(str(lock)) == ""
    script = (
        "import fcntl, sys; file = open(sys.argv[1], 'w'); fcntl.lockf(file, fcntl.LOCK_EX);"
        "print(flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        holder.stdout.readline()
        assert lock_holder(str(lock)).endswith(f" (process {holder.pid})")
        holder.communicate()
    assert lock_holder(str(lock)) == ""
