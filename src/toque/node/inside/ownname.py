"""Tell an environment the project's own name: run by its Python, as its builder.

``ASKED["files"]`` are texts by their paths below site-packages.
"""

import os
import sysconfig
from typing import Mapping


def write(files: Mapping[str, str]) -> None:
    top = sysconfig.get_path("purelib")
    for name, text in files.items():
        path = os.path.join(top, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)


if __name__ == "<rehearsal>":
    write(ASKED["files"])  # type: ignore[name-defined]  # noqa: F821
