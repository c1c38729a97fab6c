"""Jobs of cron on a real machine.  What cron makes of them: tests/machine/test_formats.py."""

import os

from toque_node.resources.cron import Cron

NOT = {
    "unmanaged": "the file is made from the fields as a whole",
    "sensitive": "the file is readable by everybody; a secret in it is refused",
    "absent_tool": "the file is written by the runtime itself, cron reads it when it is there",
}


def present(node):
    node.put("/etc/cron.d/.placeholder")
    node.makes(Cron("case", "*/5 * * * *", ("/bin/date", "+%F"), environment={"TZ": "UTC"}))
    assert node.read("/etc/cron.d/case").decode().splitlines()[1:] == [
        'TZ="UTC"',
        "*/5 * * * * root '/bin/date' '+\\%F'",
    ]
    assert node.out("stat", "-c", "%U:%G %a", "/etc/cron.d/case") == "root:root 644"


def changed_mode(node):
    node.put("/etc/cron.d/.placeholder")
    job = Cron("case-mode", "@daily", ("/bin/true",))
    node.makes(job)
    os.chmod("/etc/cron.d/case-mode", 0o666)  # cron would not read it any more
    node.makes(job)
    assert node.out("stat", "-c", "%a", "/etc/cron.d/case-mode") == "644"


def absent(node):
    node.put("/etc/cron.d/case-gone", b"@daily root /bin/true\n")
    node.makes(Cron("case-gone", absent=True))
    assert not os.path.exists("/etc/cron.d/case-gone")
