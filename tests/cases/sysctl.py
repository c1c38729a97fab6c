"""Kernel parameters on a real machine; those of its own network namespace are its own."""

from toque_node.resources.sysctl import Sysctl

NAME = "net.ipv4.ip_local_port_range"
FILE = "/etc/sysctl.d/99-toque-" + NAME + ".conf"
NOT = {
    "unmanaged": "value now and value at boot are one declaration and always managed",
    "sensitive": "what the kernel shows to everybody is no secret",
}


def present(node):
    node.makes(Sysctl(NAME, "20000   50000"))
    assert node.out("sysctl", "-n", NAME).split() == ["20000", "50000"]
    node.run("sysctl", "-w", NAME + "=1024 65000")
    node.run("sysctl", "-p", FILE)  # what the next boot does
    assert node.out("sysctl", "-n", NAME).split() == ["20000", "50000"]


def number(node):
    node.run("sysctl", "-w", "net.core.somaxconn=128")
    node.makes(Sysctl("net.core.somaxconn", 1024))
    assert node.out("sysctl", "-n", "net.core.somaxconn") == "1024"


def drifted(node):
    node.walk(Sysctl("net.ipv4.tcp_syncookies", 1))
    node.run("sysctl", "-w", "net.ipv4.tcp_syncookies=0")
    node.makes(Sysctl("net.ipv4.tcp_syncookies", 1))


def dot_in_an_interface(node):
    node.run("ip", "link", "add", "case.1", "type", "bridge")
    node.makes(Sysctl("net.ipv4.conf.case/1.forwarding", 0))
    with open("/proc/sys/net/ipv4/conf/case.1/forwarding") as file:
        assert file.read().strip() == "0"
    node.run("ip", "link", "del", "case.1")


def absent(node):
    node.walk(Sysctl("net.ipv4.tcp_fin_timeout", 31))
    node.makes(Sysctl("net.ipv4.tcp_fin_timeout", absent=True))
    assert node.out("sysctl", "-n", "net.ipv4.tcp_fin_timeout") == "31"
    assert "tcp_fin" not in node.out("ls", "/etc/sysctl.d")


def refused_by_the_kernel(node):
    trouble = node.refuses(Sysctl("net.ipv4.tcp_fin_timeout", "soon"), "sysctl-refused")
    assert "Invalid argument" in " ".join(trouble["log"]), trouble
    node.refuses(Sysctl("net.ipv4.nonsense", 1), "sysctl-unknown")
    # This kernel is the host's, so its memory is none of this machine's business.
    trouble = node.refuses(Sysctl("vm.swappiness", 7), "sysctl-refused")
    assert "permission denied" in " ".join(trouble["log"]), trouble


def absent_tool(node):
    with node.without("sysctl"):
        node.refuses(Sysctl("net.ipv4.tcp_keepalive_time", 4242), "program-missing")
