"""Applications of others go online by `toque up`, unchanged: docs/guides/real-applications.md.

One is small and always tried.  The others take minutes and the package index:

    TOQUE_REAL_APPLICATIONS=all scripts/test tests/machine/test_real_applications.py -s
    TOQUE_REAL_APPLICATIONS=zou,lnbits scripts/test tests/machine/test_real_applications.py -s
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fresh_machine import Fresh, fresh_machine
from real_apps import HTTPBIN, OTHERS, RealApp, unpacked
from toque.kitchen import api

ASKED = os.environ.get("TOQUE_REAL_APPLICATIONS", "")


def tried(app: RealApp, kitchen_folder: Path, tmp_path: Path) -> float:
    """Seconds from `toque up` on a machine as it came to the first 200."""
    folder = unpacked(app, tmp_path)
    with fresh_machine(kitchen_folder, tmp_path, "real") as fresh:
        fresh.git(folder, "init", "-q", "-b", "main")
        fresh.git(folder, "add", "--force", "--all")
        fresh.git(folder, "commit", "-q", "-m", f"{app.name} {app.version}")
        start = time.monotonic()
        online(app, fresh, folder)
        status, body = fresh.get(app.page, app.domain or fresh.machine.address)
        seconds = time.monotonic() - start
        assert (status, app.says in body) == (200, True), body[:500]
        if app.asks:
            assert app.told in fresh.run(folder, "run", folder.name, "--", *app.asks)
        fresh.git(folder, "diff", "--exit-code", "HEAD")  # as it came
    return seconds


def online(app: RealApp, fresh: Fresh, folder: Path) -> None:
    """``toque up``, again with what the owner has to say when the first attempt asks for it."""
    words = ["up", f"kitchen:{fresh.machine.name}", "--yes"]
    words += ["--domain", app.domain] if app.domain else []
    if app.refused:
        said = fresh.run(folder, *words, status=5)
        assert f"[{app.refused}]" in said
        assert "toque up --accept" in said or "toque env set" in said
    for path, text in app.files.items():
        put = ["sh", "-c", f"cat > {path} && chgrp {folder.name} {path} && chmod 640 {path}"]
        assert api.execute(fresh.kitchen, fresh.machine.name, put, text.encode()).returncode == 0
    for name, value in app.variables.items():
        given = (name, value) if value.startswith("--") else (f"{name}={value}",)
        fresh.run(folder, "env", "set", *given)
    print(fresh.run(folder, *words, *app.options))


def test_a_small_one_goes_online(
    kitchen_folder: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    seconds = tried(HTTPBIN, kitchen_folder, tmp_path)

    record_property("figure", f"{HTTPBIN} {HTTPBIN.version}: first 200 after {seconds:.1f} s")


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("app", OTHERS, ids=str)
def test_others_go_online(
    app: RealApp,
    kitchen_folder: Path,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    if ASKED != "all" and app.name not in ASKED.split(","):
        pytest.skip(f"takes minutes and the index: TOQUE_REAL_APPLICATIONS={app}")

    seconds = tried(app, kitchen_folder, tmp_path)

    record_property("figure", f"{app} {app.version}: first 200 after {seconds:.1f} s")
