"""``toque kitchen`` where there is no suite."""

from __future__ import annotations

from pathlib import Path

import pytest

from toque.cli import main


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("restore", "good", "web"), "kitchen-no-machine"),  # a name can only be a machine's
        (("snapshot", "good", "web"), "kitchen-no-machine"),
        (("logs", "web"), "kitchen-no-machine"),
        (("logs",), "kitchen-no-file"),
    ],
)
def test_name_of_nothing(
    words: tuple[str, ...], code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOQUE_KITCHEN_DIR", str(tmp_path / "kitchen"))

    with pytest.raises(SystemExit) as ended:
        main(["kitchen", *words])

    assert ended.value.code == 2
    assert f"error [{code}]" in capsys.readouterr().err
