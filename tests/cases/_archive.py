"""A package archive on the machine itself, and an apt that knows no other."""

import contextlib
import hashlib
import os
import shutil

KEPT = ("/etc/apt/sources.list", "/etc/apt/sources.list.d", "/var/lib/apt/lists")


class Archive:
    """A flat archive (``deb copy:FOLDER ./``) of packages that hold next to nothing."""

    def __init__(self, node, folder):
        self.node = node
        self.folder = folder
        os.makedirs(folder)
        os.chmod(folder, 0o755)

    def add(self, name, version="1.0", scripts=None, files=None, **fields):
        """A package; ``scripts`` are its postinst, config, templates...; ``Depends="x"``."""
        root = f"{self.folder}/{name}-{version}"
        control = {"Package": name, "Version": version, "Architecture": "all", **fields}
        control.setdefault("Maintainer", "Nobody <nobody@example.org>")
        control.setdefault("Description", "a package of a case")
        text = "".join(f"{key.replace('_', '-')}: {value}\n" for key, value in control.items())
        self.node.put(f"{root}/DEBIAN/control", text.encode())
        self.node.put(f"{root}/usr/share/{name}/version", version.encode())
        for path, data in (files or {}).items():
            self.node.put(root + path, data)
        for script, said in (scripts or {}).items():
            self.node.put(f"{root}/DEBIAN/{script}", said.encode(), 0o755)
        self.node.run("dpkg-deb", "--root-owner-group", "-Znone", "-b", root, root + ".deb")
        shutil.rmtree(root)

    def index(self):
        """Write Packages and Release anew."""
        paragraphs = []
        for name in sorted(n for n in os.listdir(self.folder) if n.endswith(".deb")):
            data = self.node.read(f"{self.folder}/{name}")
            paragraphs.append(
                self.node.out("dpkg-deb", "-f", f"{self.folder}/{name}")
                + f"\nFilename: ./{name}\nSize: {len(data)}\nSHA256: {_sha256(data)}\n"
            )
        packages = "\n".join(paragraphs).encode()
        self.node.put(f"{self.folder}/Packages", packages)
        release = f"Suite: case\nSHA256:\n {_sha256(packages)} {len(packages)} Packages\n"
        self.node.put(f"{self.folder}/Release", release.encode())


@contextlib.contextmanager
def alone(node):
    """An empty archive that is all apt knows meanwhile; its index is fetched by nobody yet."""
    for path in KEPT:
        if os.path.lexists(path):
            shutil.move(path, path + ".kept")
    os.makedirs("/etc/apt/sources.list.d")
    os.makedirs("/var/lib/apt/lists/partial")
    archive = Archive(node, node.tree + "/archive")
    try:
        yield archive
    finally:
        left = node.run("dpkg-query", "-W", "-f", "${Package}\n", "case-*", check=False).stdout
        if left:
            node.run("dpkg", "--purge", "--force-all", *left.split(), check=False)
        for path in KEPT:
            if os.path.isdir(path):
                shutil.rmtree(path)
            elif os.path.lexists(path):
                os.remove(path)
            if os.path.lexists(path + ".kept"):
                shutil.move(path + ".kept", path)


@contextlib.contextmanager
def trusted(node):
    """``alone``, with a source for it that needs no signature."""
    with alone(node) as archive:
        line = f"deb [trusted=yes] copy:{archive.folder} ./\n"
        node.put("/etc/apt/sources.list.d/case.list", line.encode())
        yield archive


def fetch(node, archive):
    archive.index()
    node.run("apt-get", "-q", "update")


def _sha256(data):
    return hashlib.sha256(data).hexdigest()
