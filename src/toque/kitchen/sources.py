"""What this host is configured to download from, read so that machines download from there too.

Nothing here names a mirror or an index: where this host has no setting, a machine gets none.
"""

from __future__ import annotations

import configparser
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import AskedWrongly, nearest

# Debian releases whose archive has `main` under these suite names; newest last.
RELEASES = ("bullseye", "bookworm", "trixie", "forky", "sid")
ROLLING = {"stable", "oldstable", "testing", "unstable"}
SUITE = re.compile(r"^([a-z]+)(-updates|-security)?$")


@dataclass(frozen=True)
class Source:
    """One place of packages.  ``pocket`` is '', '-updates' or '-security'."""

    uri: str
    pocket: str
    components: tuple[str, ...]
    signed_by: str = ""
    trusted: bool = False

    def line(self, release: str) -> str:
        """The same in apt's one-line format, for a Debian release."""
        components = [c for c in self.components if release != "bullseye" or c[-8:] != "firmware"]
        options = [f"signed-by={self.signed_by}"] if self.signed_by else []
        options += ["trusted=yes"] if self.trusted else []
        bracket = f"[{' '.join(options)}] " if options else ""
        return f"deb {bracket}{self.uri} {release}{self.pocket} {' '.join(components)}"


def debian_sources(apt: Path = Path("/etc/apt")) -> tuple[Source, ...]:
    """The Debian archives that this host's apt is configured with, in order, each once."""
    found: list[Source] = []
    main = apt / "sources.list"
    parts = apt / "sources.list.d"
    files = [main] if main.is_file() else []
    files += sorted(parts.glob("*.list")) + sorted(parts.glob("*.sources"))
    for file in files:
        text = file.read_text("utf-8", "replace")
        parse = deb822 if file.suffix == ".sources" else one_line
        found += [source for source in parse(text) if source not in found]
    return tuple(found)


def one_line(text: str) -> list[Source]:
    """Sources from ``sources.list`` text (sources.list(5), one-line style)."""
    found = []
    for raw in text.splitlines():
        match = re.match(r"^\s*deb\s+(?:\[([^]]*)\]\s+)?(\S+)\s+(\S+)\s+(.+?)\s*(#.*)?$", raw)
        if match:
            options = dict(word.split("=", 1) for word in (match[1] or "").split() if "=" in word)
            found += _debian(
                [match[2]],
                [match[3]],
                match[4].split(),
                options.get("signed-by", ""),
                options.get("trusted", ""),
            )
    return found


def deb822(text: str) -> list[Source]:
    """Sources from deb822 text (sources.list(5), deb822 style)."""
    found = []
    kept = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for stanza in re.split(r"\n\s*\n", kept):
        fields: dict[str, str] = {}
        last = ""
        for line in stanza.splitlines():
            if line[:1].isspace() and last:
                fields[last] += "\n" + line.strip()
            elif ":" in line:
                last, value = line.split(":", 1)
                last = last.strip().lower()
                fields[last] = value.strip()
        if "deb" not in fields.get("types", "").split():
            continue
        if fields.get("enabled", "yes").lower() == "no":
            continue
        key = fields.get("signed-by", "")
        found += _debian(
            fields.get("uris", "").split(),
            fields.get("suites", "").split(),
            fields.get("components", "").split(),
            key if key.startswith("/") else "",  # a key inside the stanza is left to apt's own ring
            fields.get("trusted", ""),
        )
    return found


def _debian(
    uris: list[str], suites: list[str], components: list[str], signed_by: str, trusted: str
) -> list[Source]:
    found = []
    for uri in uris:
        for suite in suites:
            match = SUITE.match(suite)
            if match and (match[1] in RELEASES or match[1] in ROLLING) and "main" in components:
                found.append(
                    Source(
                        uri, match[2] or "", tuple(components), signed_by, trusted.lower() == "yes"
                    )
                )
    return found


def source_lines(sources: tuple[Source, ...], release: str) -> str:
    """The text of ``sources.list`` for a machine of ``release``."""
    if release not in RELEASES:
        raise AskedWrongly(
            "kitchen-unknown-release",
            f"'{release}' is not a Debian release that the kitchen can build",
            expected=", ".join(RELEASES),
            found=release,
            hint=nearest(release, RELEASES),
        )
    if not any(source.pocket == "" for source in sources):
        raise AskedWrongly(
            "kitchen-no-mirror",
            "this host's apt has no Debian archive to build machines from",
            expected="a Debian release, component main, in /etc/apt/sources.list or sources.list.d",
            found="none",
            hint="apt-get update",
        )
    rolling = release == "sid"
    # Several host suites may map to one line (bookworm and trixie of the same archive).
    lines = [source.line(release) for source in sources if not (rolling and source.pocket)]
    return "".join(f"{line}\n" for line in dict.fromkeys(lines))


def validity_options(apt: Path = Path("/etc/apt")) -> str:
    """The host's apt settings about validity dates and certificates, without comments."""
    kept = []
    for file in sorted((apt / "apt.conf.d").glob("*")):
        for line in file.read_text("utf-8", "replace").splitlines():
            if re.match(r"^\s*Acquire::(Check-|Max-ValidTime|https?::(Verify|CaInfo))", line):
                kept.append(line.strip())
    return "".join(f"{line}\n" for line in kept)


@dataclass(frozen=True)
class PythonIndex:
    """Where pip and uv look.  Empty members mean the tools' own default."""

    index: str = ""
    extra: tuple[str, ...] = ()
    trusted_hosts: tuple[str, ...] = ()

    def pip_conf(self) -> str:
        lines = []
        if self.index:
            lines.append(f"index-url = {self.index}")
        if self.extra:
            lines.append("extra-index-url = " + " ".join(self.extra))
        if self.trusted_hosts:
            lines.append("trusted-host = " + " ".join(self.trusted_hosts))
        return "[global]\n" + "".join(f"{line}\n" for line in lines) if lines else ""

    def uv_toml(self, *, own_authorities: bool) -> str:
        """uv's settings; ``own_authorities``: the host trusts certificates that uv lacks."""
        lines = ["native-tls = true"] if own_authorities else []
        if self.trusted_hosts:
            hosts = ", ".join(f'"{host}"' for host in self.trusted_hosts)
            lines.append(f"allow-insecure-host = [{hosts}]")
        tables = [f'\n[[index]]\nurl = "{url}"\n' for url in self.extra]
        if self.index:
            tables.append(f'\n[[index]]\nurl = "{self.index}"\ndefault = true\n')
        return "".join(f"{line}\n" for line in lines) + "".join(tables)


def python_index(environ: Mapping[str, str], *files: Path) -> PythonIndex:
    """The package index of this host: the environment wins over files, later files over earlier.

    Only addresses that a machine can reach are taken; a ``file:`` index is this host's own.
    """
    index = PythonIndex()
    for file in files:
        parser = configparser.ConfigParser(interpolation=None)
        try:
            parser.read(file)
        except (configparser.Error, UnicodeDecodeError):
            continue
        if parser.has_section("global"):
            index = _merged(index, {k.replace("_", "-"): v for k, v in parser.items("global")})
    names = {
        "PIP_INDEX_URL": "index-url",
        "UV_INDEX_URL": "index-url",
        "UV_DEFAULT_INDEX": "index-url",
        "PIP_EXTRA_INDEX_URL": "extra-index-url",
        "UV_EXTRA_INDEX_URL": "extra-index-url",
        "PIP_TRUSTED_HOST": "trusted-host",
    }
    for variable, key in names.items():
        if environ.get(variable):
            index = _merged(index, {key: environ[variable]})
    return index


def _merged(index: PythonIndex, settings: Mapping[str, str]) -> PythonIndex:
    def web(text: str) -> tuple[str, ...]:
        return tuple(u for u in text.split() if u.startswith(("http://", "https://")))

    first = web(settings.get("index-url", ""))
    return replace(
        index,
        index=first[0] if first else index.index,
        extra=web(settings["extra-index-url"]) if "extra-index-url" in settings else index.extra,
        trusted_hosts=tuple(settings["trusted-host"].split())
        if "trusted-host" in settings
        else index.trusted_hosts,
    )
