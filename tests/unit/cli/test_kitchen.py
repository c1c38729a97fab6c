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


@pytest.mark.requirement("R19")
def test_a_suite_is_found_from_any_directory_below(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    below = tmp_path / "infra" / "checks" / "deep"
    below.mkdir(parents=True)
    (tmp_path / "infra" / "kitchen.toml").write_text("[suites.default]\n")
    monkeypatch.setenv("TOQUE_KITCHEN_DIR", str(tmp_path / "kitchen"))
    said = []
    for folder, command in (
        (below, "list"),
        (tmp_path / "infra", "list"),
        (tmp_path, "converge"),
    ):
        monkeypatch.chdir(folder)
        with pytest.raises(SystemExit) as ended:
            main(["kitchen", command])
        said.append((ended.value.code, capsys.readouterr()))

    assert [status for status, _ in said] == [0, 0, 2]
    deep, here, outside = (printed for _, printed in said)
    assert deep.out == here.out
    assert "default" in deep.out
    assert str(tmp_path) in outside.err
