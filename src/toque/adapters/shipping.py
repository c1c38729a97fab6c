"""What travels to a node: the runtime as a zip named by its hash, and the uv binary."""

from __future__ import annotations

import threading
from dataclasses import field
from functools import lru_cache
from pathlib import Path

import toque.node
from toque.errors import Failed
from toque.node.record import dataclass

from . import boot

PACKAGE = "toque_node"
_PACKING = threading.Lock()  # several nodes ask for it at the same moment
EPOCH = (1980, 1, 1, 0, 0, 0)  # the first moment a zip can name


@dataclass(frozen=True)
class Runtime:
    """The zip that holds the package ``toque_node``, and the hash it is known by."""

    sha256: str
    data: bytes = field(repr=False)


@lru_cache(maxsize=1)
def _runtime() -> Runtime:
    return pack(Path(toque.node.__file__).parent)


def runtime() -> Runtime:
    """The node package of this installation, read once per process."""
    with _PACKING:
        return _runtime()


def pack(source: Path) -> Runtime:
    """Every ``*.py`` below ``source`` as package ``toque_node``; the same files, the same bytes.

    Times, owners and order are fixed.  Stored, not compressed: this is done in every run, the
    shipment once per node, and another zlib would make other bytes of the same files.
    """
    import hashlib  # all three are imported while a connection is made
    import io
    import zipfile

    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(source.rglob("*.py"), key=lambda p: p.relative_to(source).as_posix()):
            entry = zipfile.ZipInfo(f"{PACKAGE}/{path.relative_to(source).as_posix()}", EPOCH)
            entry.create_system = 3  # unix, whatever builds it
            entry.external_attr = 0o600 << 16
            archive.writestr(entry, path.read_bytes())
    data = memory.getvalue()
    return Runtime(hashlib.sha256(data).hexdigest(), data)


@lru_cache(maxsize=1)
def boot_text() -> str:
    """The constant program that a node runs first (see ``boot.py`` for its rules)."""
    return Path(boot.__file__).read_text(encoding="ascii")


def python_command(python: str = "python3") -> tuple[str, ...]:
    """The constant argument list that starts the bootstrap.

    ``-I`` and ``-S`` keep the environment and site packages out, ``-X utf8`` the locale.
    """
    return (python, "-I", "-S", "-X", "utf8", "-c", boot_text())


def uv_binary() -> Path:
    """The static uv that came with this installation.  Raises ``Failed("uv-missing")``."""
    try:
        import uv

        return Path(uv.find_uv_bin())
    except (ImportError, FileNotFoundError) as error:
        raise Failed(
            "uv-missing",
            "the uv program that nodes build virtual environments with is not installed here",
            expected="the package uv in the same environment as toque",
            found=str(error),
            hint="pip install --force-reinstall uv",
        ) from error
