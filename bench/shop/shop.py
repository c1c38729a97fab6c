"""What the benchmark deploys: the same pages for Flask and for FastAPI."""

import hashlib
import os


def commit():
    """What a deploy by hand has written, or what Toque says."""
    try:
        with open(os.path.join(os.path.dirname(__file__), "commit.env")) as file:
            return file.read()
    except FileNotFoundError:
        return os.environ.get("TOQUE_COMMIT", "none")


COMMIT = commit()
LARGE = b"0123456789abcdef" * 65536  # 1 MiB
SLOW_S = 5.0


def digest(body):
    return hashlib.sha256(body).hexdigest() + "\n"
