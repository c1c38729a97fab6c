"""The host's apt and pip settings, read for machines."""

from pathlib import Path

import pytest

from toque.errors import AskedWrongly
from toque.kitchen.sources import (
    Source,
    deb822,
    debian_sources,
    one_line,
    python_index,
    source_lines,
    validity_options,
)

DEB822 = """\
# a comment
Types: deb deb-src
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/a.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components:
 main

Types: deb
URIs: http://other.example/node
Suites: nodistro
Components: main

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main
"""


def test_deb822_yields_only_enabled_debian_suites():
    assert deb822(DEB822) == [
        Source(
            "http://mirror.example/debian", "", ("main", "contrib"), "/usr/share/keyrings/a.gpg"
        ),
        Source(
            "http://mirror.example/debian",
            "-updates",
            ("main", "contrib"),
            "/usr/share/keyrings/a.gpg",
        ),
        Source("http://mirror.example/debian-security", "-security", ("main",)),
    ]


def test_one_line_reads_options_and_skips_sources_comments_and_others():
    text = (
        "deb [arch=amd64 signed-by=/k.gpg] http://m.example/debian bookworm main\n"
        "deb-src http://m.example/debian bookworm main\n"
        "#deb http://m.example/debian bookworm main\n"
        "deb http://m.example/cloud cloud-sdk-bookworm main\n"
    )

    assert one_line(text) == [Source("http://m.example/debian", "", ("main",), "/k.gpg")]


def test_sources_are_carried_to_another_release_with_the_components_it_has():
    found = (
        Source("http://m.example/debian", "", ("main", "non-free-firmware"), "/k.gpg"),
        Source("http://m.example/security", "-security", ("main",)),
    )

    assert source_lines(found, "bullseye") == (
        "deb [signed-by=/k.gpg] http://m.example/debian bullseye main\n"
        "deb http://m.example/security bullseye-security main\n"
    )
    assert source_lines(found, "trixie").splitlines()[0].endswith("trixie main non-free-firmware")
    assert len(source_lines(found, "sid").splitlines()) == 1


def test_an_unknown_release_names_the_nearest():
    with pytest.raises(AskedWrongly) as error:
        source_lines((Source("http://m.example", "", ("main",)),), "bokworm")

    assert error.value.code == "kitchen-unknown-release"
    assert "bookworm" in error.value.trouble.hint


def test_a_host_without_a_debian_archive_is_told_so():
    with pytest.raises(AskedWrongly) as error:
        source_lines((), "bookworm")

    assert error.value.code == "kitchen-no-mirror"


def test_files_are_read_in_apts_order_and_each_source_once(tmp_path: Path):
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list").write_text("deb http://a.example/debian bookworm main\n")
    (tmp_path / "sources.list.d/b.list").write_text("deb http://a.example/debian bookworm main\n")
    (tmp_path / "sources.list.d/c.sources.off").write_text(DEB822)

    assert debian_sources(tmp_path) == (Source("http://a.example/debian", "", ("main",)),)


def test_only_settings_about_validity_and_certificates_are_taken(tmp_path: Path):
    folder = tmp_path / "apt.conf.d"
    folder.mkdir()
    (folder / "99x").write_text(
        '// why\nAcquire::Check-Valid-Until "false";\nDPkg::Post-Invoke { "rm -f /x"; };\n'
    )

    assert validity_options(tmp_path) == 'Acquire::Check-Valid-Until "false";\n'


def test_without_an_index_on_the_host_nothing_is_written():
    index = python_index({})

    assert (index.pip_conf(), index.uv_toml(own_authorities=False)) == ("", "")


def test_environment_wins_over_files_and_local_indexes_stay_here(tmp_path: Path):
    conf = tmp_path / "pip.conf"
    conf.write_text(
        "[global]\nindex-url = https://one.example/simple\n"
        "extra-index-url = file:///opt/x https://two.example/simple\n"
    )

    index = python_index({"PIP_INDEX_URL": "https://three.example/simple"}, conf)

    assert index.index == "https://three.example/simple"
    assert index.extra == ("https://two.example/simple",)
    assert 'url = "https://three.example/simple"\ndefault = true' in index.uv_toml(
        own_authorities=True
    )
