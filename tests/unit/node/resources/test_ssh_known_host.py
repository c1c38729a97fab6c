"""Pinned host keys among lines that somebody else wrote."""

import base64
import hmac

import pytest

from toque.node.errors import NotReady
from toque.node.memory import MemorySystem
from toque.node.resource import Invalid, differing
from toque.node.resources.ssh_known_host import SYSTEM_WIDE, SshKnownHost

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB6o7S+Cl71bp+D0WVpaXWFOQc9EAMhhof/CwNZrtCtF"
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
RSA = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAAQE="


def hashed(name, salt=b"s" * 20):
    digest = hmac.new(salt, name.encode(), "sha1").digest()
    return "|1|" + "|".join(base64.b64encode(part).decode() for part in (salt, digest))


def fixed(resource, text, path=SYSTEM_WIDE):
    """The file's text afterwards, None when nothing had to be done."""
    system = MemorySystem(
        files={
            path: text.encode(),
            "/etc/passwd": b"ada:x:1000:1000::/home/ada:/bin/sh\n",
            "/etc/group": b"ada:x:1000:\n",
        }
    )
    resource.validate()
    keys = differing(resource.wanted(), resource.found(system))
    if not keys:
        return None
    resource.fix(system, keys)
    assert not differing(resource.wanted(), resource.found(system))
    return system.read(path).decode()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", f"git.example {KEY}\n"),
        (f"git.example {KEY} a comment\n", None),
        (f"GIT.example,10.0.0.1 {KEY}\n", None),
        (hashed("git.example") + f" {KEY}\n", None),
        (f"git.example {OTHER}\n", f"git.example {KEY}\n"),
        (hashed("git.example") + f" {OTHER}\n", f"git.example {KEY}\n"),
        (f"a,git.example,b {OTHER}\n", f"a,b {OTHER}\ngit.example {KEY}\n"),
        (f"git.example {KEY}\ngit.example {OTHER}\n", f"git.example {KEY}\n"),
        (f"git.example {RSA}\n", f"git.example {RSA}\ngit.example {KEY}\n"),
        (
            f"# c\n\n*.example {OTHER}\n@revoked git.example {OTHER}\n[git.example]:22 {OTHER}\n",
            f"# c\n\n*.example {OTHER}\n@revoked git.example {OTHER}\n[git.example]:22 {OTHER}\n"
            f"git.example {KEY}\n",
        ),
        (f"other {KEY}", f"other {KEY}\ngit.example {KEY}\n"),
        ("nonsense\n|1|x|y " + KEY + "\n", f"nonsense\n|1|x|y {KEY}\ngit.example {KEY}\n"),
    ],
)
def test_the_key_is_the_only_one_of_its_type_for_the_host(before, after):
    assert fixed(SshKnownHost("git.example", KEY), before) == after


def test_another_port_is_another_host():
    host = SshKnownHost("Git.example", KEY, port=2222)

    assert host.id == "ssh_known_host:[git.example]:2222 ssh-ed25519"
    assert fixed(host, f"git.example {OTHER}\n").endswith(f"[git.example]:2222 {KEY}\n")


def test_all_keys_of_a_host_are_removed():
    gone = SshKnownHost("git.example", absent=True)
    text = f"git.example {KEY}\nx {KEY}\n{hashed('git.example')} {RSA}\n"

    assert fixed(gone, text) == f"x {KEY}\n"
    assert fixed(gone, f"x {KEY}\n") is None


def test_a_users_own_file():
    path = "/home/ada/.ssh/known_hosts"

    assert fixed(SshKnownHost("h", KEY, user="ada"), "", path) == f"h {KEY}\n"
    with pytest.raises(NotReady) as caught:
        fixed(SshKnownHost("h", KEY, user="eve"), "", path)
    assert caught.value.code == "user-missing"


@pytest.mark.parametrize(
    "resource",
    [
        SshKnownHost("a,b", KEY),
        SshKnownHost("*", KEY),
        SshKnownHost("a b", KEY),
        SshKnownHost("@cert-authority", KEY),
        SshKnownHost("", KEY),
        SshKnownHost("a", KEY, port=0),
        SshKnownHost("a"),
        SshKnownHost("a", KEY, absent=True),
        SshKnownHost("a", KEY + "\nb " + KEY),
        SshKnownHost("a", "a " + KEY),
    ],
    ids=repr,
)
def test_declarations_that_can_never_be_right_are_refused(resource):
    assert resource.id
    with pytest.raises(Invalid):
        resource.validate()
