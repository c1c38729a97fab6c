"""Package sources on a real machine, signed by keys that are made here with gpg."""

import base64
import contextlib
import os
import shutil

from toque_cases._archive import alone
from toque_node.resources.apt_repository import AptRepository
from toque_node.resources.package import Package

NOT = {
    "unmanaged": "a source has no aspect that could be left alone",
    "sensitive": "a source holds no secret: one with a login is refused, see the unit tests",
}
SOURCE, KEYS = "/etc/apt/sources.list.d/case.sources", "/etc/apt/keyrings"


@contextlib.contextmanager
def _signed(node):
    """An archive with a signed index, and the source that is right for it."""
    if not shutil.which("gpg"):
        node.run("apt-get", "-qq", "update")
        node.run("apt-get", "-qq", "-y", "--no-install-recommends", "install", "gpg", "gpg-agent")
    with alone(node) as archive:
        archive.add("case-signed")
        archive.index()
        right = _repository(archive, *_key(node, "one"))
        _sign(node, archive, "one")
        try:
            yield archive, right
        finally:
            for name in os.listdir(KEYS):
                os.remove(f"{KEYS}/{name}")


def _gpg(node, who, *argv, stdin=b""):
    home = f"{node.tree}/{who}"
    if not os.path.isdir(home):
        os.mkdir(home, 0o700)
    words = ("gpg", "--homedir", home, "--batch", "--yes", "--passphrase", "", "--no-tty")
    return node.run(*words, *argv, stdin=stdin).stdout


def _key(node, who, kind="rsa2048"):
    """A new key pair: the public part, armored, and its full fingerprint as gpg says it."""
    _gpg(node, who, "--quick-generate-key", f"{who} <{who}@example.org>", kind, "sign", "never")
    listed = _gpg(node, who, "--with-colons", "--list-keys")
    fingerprint = next(x.split(":")[9] for x in listed.splitlines() if x.startswith("fpr:"))
    return _gpg(node, who, "--armor", "--export").encode(), fingerprint


def _sign(node, archive, who):
    path = f"{archive.folder}/InRelease"
    _gpg(node, who, "--clearsign", "-o", path, f"{archive.folder}/Release")
    os.chmod(path, 0o644)


def _repository(archive, key, *fingerprints, **rest):
    values = {"uris": (f"copy:{archive.folder}",), "suites": ("./",), **rest}
    return AptRepository("case", signed_by=key, fingerprints=fingerprints, **values)


def _nothing_there():
    return not os.path.exists(SOURCE) and not os.listdir(KEYS)


def present(node):
    with _signed(node) as (_, right):
        outcome = node.makes(right)
        assert f"+ key: {right.fingerprints[0]}" in outcome.diff
        (key,) = os.listdir(KEYS)
        assert oct(os.stat(f"{KEYS}/{key}").st_mode & 0o777) == "0o644"
        shown = node.out("gpg", "--batch", "--show-keys", "--with-colons", f"{KEYS}/{key}")
        assert right.fingerprints[0] in shown
        # The index is there without another update, and apt trusts what it says.
        node.makes(Package("case-signed"))


def absent(node):
    with _signed(node) as (_, right):
        node.makes(right)
        node.makes(AptRepository("case", absent=True))
        assert _nothing_there()
        assert node.run("apt-cache", "policy", "case-signed").stdout == ""


def absent_tool(node):
    with _signed(node) as (_, right), node.without("apt-get"):
        node.refuses(right, "program-missing")
        assert _nothing_there()


def keys_of_every_kind(node):
    with _signed(node) as (archive, _):
        for kind in ("ed25519", "nistp256", "dsa2048"):
            key, fingerprint = _key(node, kind, kind)
            binary = base64.b64decode(
                "".join(key.decode().split("\n\n", 1)[1].split("\n=")[0].split())
            )
            for form in (key, key.decode(), binary):
                _repository(archive, form, fingerprint).validate()


def a_source_signed_by_somebody_else_is_not_put_in_place(node):
    with _signed(node) as (archive, right):
        other = _repository(archive, *_key(node, "two"))
        trouble = node.refuses(other, "package-source-refused")
        assert _nothing_there()
        assert any("NO_PUBKEY" in line or "signature" in line for line in trouble["log"]), trouble
        node.makes(right)
        before = (node.read(SOURCE), os.listdir(KEYS))
        node.refuses(other, "package-source-refused")
        assert (node.read(SOURCE), os.listdir(KEYS)) == before
        assert not [name for name in os.listdir("/run") if "toque" in name]


def an_index_that_was_changed_after_signing_is_refused(node):
    with _signed(node) as (archive, right):
        archive.add("case-planted")
        archive.index()  # Release is new, InRelease is not: its hashes are of the old Packages
        node.refuses(right, "package-source-refused")
        assert _nothing_there()


def an_index_that_is_not_signed_is_refused(node):
    with _signed(node) as (archive, right):
        os.remove(f"{archive.folder}/InRelease")
        trouble = node.refuses(right, "package-source-refused")
        assert any("is not signed" in line for line in trouble["log"]), trouble


def a_server_that_does_not_answer(node):
    with _signed(node) as (archive, right):
        far = _repository(
            archive, right.signed_by, *right.fingerprints, uris=("http://127.0.0.1:9/none",)
        )
        trouble = node.refuses(far, "package-source-refused")
        assert any("127.0.0.1" in line for line in trouble["log"]), trouble
        assert _nothing_there()


def a_new_key_takes_the_place_of_the_old_one(node):
    with _signed(node) as (archive, right):
        node.makes(right)
        new = _repository(archive, *_key(node, "two"))
        _sign(node, archive, "two")
        node.makes(new)
        assert len(os.listdir(KEYS)) == 1
        node.refuses(right, "package-source-refused")
        node.leaves(new)


def a_key_that_somebody_replaced_is_put_right(node):
    with _signed(node) as (_, right):
        node.makes(right)
        (key,) = os.listdir(KEYS)
        good = node.read(f"{KEYS}/{key}")
        node.put(f"{KEYS}/{key}", b"another")
        node.makes(right)
        assert node.read(f"{KEYS}/{key}") == good


def two_files_that_disagree_about_a_source(node):
    with _signed(node) as (archive, right):
        line = f"deb [signed-by=/usr/share/keyrings/other.gpg] copy:{archive.folder} ./\n"
        node.put("/etc/apt/sources.list.d/other.list", line.encode())
        trouble = node.refuses(right, "package-source-refused")
        assert any("Signed-By" in line for line in trouble["log"]), trouble
        assert _nothing_there()


def a_keyring_of_the_node(node):
    with _signed(node) as (archive, right):
        path = "/usr/share/keyrings/case.asc"
        node.put(path, right.signed_by)
        node.makes(_repository(archive, path))
        assert f"Signed-By: {path}" in node.read(SOURCE).decode()
        assert os.listdir(KEYS) == []
        os.remove(path)


def only_that_source_is_fetched(node):
    with _signed(node) as (_, right):
        node.put("/etc/apt/sources.list.d/dead.list", b"deb http://127.0.0.1:9/dead ./\n")
        node.makes(right)
        assert not [n for n in os.listdir("/var/lib/apt/lists") if "dead" in n]
