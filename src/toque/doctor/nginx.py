"""nginx itself, its site for the app, and its certificates."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ..node.finding import REFUSE, WARN, Finding
from ..node.sight.failures import failures
from .facts import Facts, Rule, broken, dead, entries, looked, nginx_lines, part, rows
from .past import again

SOON_S = 14 * 86400.0  # a certificate that ends within this should have been renewed


def _nginx(facts: Facts) -> Iterator[Finding]:
    nginx, port = part(facts, "nginx"), part(facts, "port")
    if not nginx:
        return
    said = tuple(nginx.get("said", ()))
    config = [x for x in said if "[emerg]" in x and "bind()" not in x]
    if not nginx.get("installed", True):
        yield Finding("nginx-missing", REFUSE, "nginx is not installed", help="toque setup")
    elif nginx["load"] == "not-found":
        return  # its init has not answered
    elif nginx["test"] and config:
        yield Finding(
            "nginx-config-broken", WARN if nginx["running"] else REFUSE,
            "nginx refuses its configuration" + (
                "; it runs on with the one before" if nginx["running"] else ""),
            tuple(config), place=_config_place(config), help="toque setup",
        )  # fmt: skip
    elif nginx["load"] == "masked":
        yield Finding(
            "unit-masked", REFUSE, "nginx is masked: nothing can start it", ("LoadState=masked",),
            help="systemctl unmask nginx && systemctl start nginx",
        )  # fmt: skip
    elif not nginx["running"]:
        others = [h for h in port.get("holders", ()) if h["name"] != "nginx"]
        if others:
            yield Finding(
                "port-taken", REFUSE,
                f"port {port['port']} is held by {others[0]['name']}, so nginx cannot start",
                tuple(f"{h['name']} (pid {h['pid']}) listens on {port['port']}" for h in others),
                help=f"systemctl status {others[0]['pid']}",
            )  # fmt: skip
        else:
            yield Finding(
                "nginx-stopped", REFUSE, "nginx does not run",
                (f"nginx.service is {nginx['active']}",), help="systemctl start nginx",
            )  # fmt: skip


def _config_place(lines: Sequence[str]) -> str:
    found = re.search(r" in (/\S+:\d+)", lines[0])
    return found.group(1) if found else ""


def _site(facts: Facts) -> Iterator[Finding]:
    """Whether nginx's text for this app leads to it."""
    site, nginx, app = part(facts, "site"), part(facts, "nginx"), facts["app"]
    if not nginx or not nginx.get("installed", True) or not looked(facts, "site"):
        return
    expected = f"/srv/www/{app}/current/.toque/app.sock"
    if not site:
        yield Finding(
            "site-missing", REFUSE, f"nginx has no site for {app}",
            (f"nothing in /etc/nginx/sites-enabled names /srv/www/{app}",), help="toque setup",
        )  # fmt: skip
        return
    if site["upstreams"] and expected not in site["upstreams"]:
        yield Finding(
            "upstream-wrong", REFUSE, f"the site of {app} sends visitors to another socket",
            (f"{site['file']}: unix:{site['upstreams'][0]}", f"expected unix:{expected}"),
            place=site["file"], help="toque setup",
        )  # fmt: skip
    elif not dead(facts) and part(facts, "direct"):
        lines = nginx_lines(facts, r"connect\(\) to unix:")
        other = [x for x in lines if expected not in x]
        if other and broken(facts):
            yield Finding(
                "upstream-wrong", REFUSE, "nginx runs with an older configuration than its files",
                tuple(other), help="systemctl reload nginx",
            )  # fmt: skip


def _through(facts: Facts) -> Iterator[Finding]:
    """The app answers well, and through nginx it does not."""
    through, nginx = part(facts, "through"), part(facts, "nginx")
    if not through or dead(facts) or not nginx.get("running") or not part(facts, "direct"):
        return
    if broken(facts):
        last = failures(entries(facts))[-1:]
        codes = {f.code for f in last}
        known = {"socket-missing", "socket-permissions", "socket-refused", "upstream-wrong"}
        if last and codes & {
            "header-too-big",
            "disk-full",
            "descriptors-exhausted",
            "answer-too-late",
        }:
            yield again(last, REFUSE, facts)
        elif not last or not codes & known:
            yield Finding(
                "nginx-bad-answer", REFUSE,
                f"the app answers {part(facts, 'direct')['status']}, nginx "
                f"{through['status'] or through['fault']}",
                last[0].trace if last else (), help=f"toque logs {facts['app']} --nginx",
                certain=False,
            )  # fmt: skip
    elif through["status"] in (403, 404) and part(facts, "direct").get("status", 0) < 400:
        yield Finding(
            "site-missing", REFUSE, "another site of nginx answers in the place of the app's",
            (f"nginx answers {through['status']}, the app {part(facts, 'direct')['status']}",),
            help="toque setup", certain=False,
        )  # fmt: skip


def _certificates(facts: Facts) -> Iterator[Finding]:
    now = float(facts.get("at", 0))
    for one in rows(facts, "certificates"):
        ends = one.get("ends")
        if ends is None:
            yield Finding(
                "certificate-unreadable", REFUSE, f"the certificate {one['path']} cannot be read",
                tuple(one.get("said", ())), place=one["path"], help="toque setup",
            )  # fmt: skip
        elif ends <= now:
            yield Finding(
                "certificate-expired", REFUSE, f"the certificate {one['path']} has expired",
                tuple(one.get("said", ())), place=one["path"], help="certbot renew",
            )  # fmt: skip
        elif ends - now < SOON_S:
            yield Finding(
                "certificate-expired", WARN,
                f"the certificate {one['path']} ends in {(ends - now) / 86400:.0f} days",
                tuple(one.get("said", ())), place=one["path"], help="certbot renew",
            )  # fmt: skip


RULES: Sequence[Rule] = (_nginx, _site, _through, _certificates)
