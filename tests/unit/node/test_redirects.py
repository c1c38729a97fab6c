"""Where redirects of an app lead, followed without a network."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from toque.node.finding import Finding
from toque.node.probe import Answer
from toque.node.redirects import followed, target

Pages = Mapping[tuple[str, str], tuple[int, str]]


def visit(pages: Pages, page: str = "/", host: str = "shop.example") -> list[Finding]:
    """``pages`` are status and location by page and protocol; any other is 404."""

    def ask(page: str, proto: str) -> Answer:
        status, location = pages.get((page, proto), (404, ""))
        return Answer(status, "said", location=location)

    return followed(host, page, ask(page, "http"), ask)


@pytest.mark.parametrize(
    ("pages", "code", "level"),
    [
        ({("/", "http"): (302, "/login"), ("/login", "http"): (200, "")}, "", ""),
        ({("/", "http"): (302, "/login"), ("/login", "http"): (500, "")}, "redirect-broken",
         "refuse"),
        ({("/", "http"): (302, "/login"), ("/login", "http"): (401, "")}, "redirect-broken",
         "warn"),
        ({("/", "http"): (302, "/")}, "redirect-loop", "refuse"),
        ({("/", "http"): (302, "/a"), ("/a", "http"): (302, "http://shop.example/")},
         "redirect-loop", "refuse"),
        ({("/", "http"): (301, "https://shop.example/"),
          ("/", "https"): (301, "https://shop.example/")}, "redirect-loop", "refuse"),
        ({("/", "http"): (301, "https://shop.example/"), ("/", "https"): (200, "")},
         "redirect-to-https", "warn"),
        ({("/", "http"): (301, "https://shop.example:443/"), ("/", "https"): (302, "/en/"),
          ("/en/", "https"): (200, "")}, "", ""),
        ({("/", "http"): (301, "http://www.other.example/")}, "redirect-elsewhere", "warn"),
        ({("/", "http"): (302, "https://accounts.shop.example/sign-in")}, "", ""),
        ({("/", "http"): (302, "http://[::1/")}, "redirect-elsewhere", "warn"),
    ],
)  # fmt: skip
def test_a_redirect_is_followed_to_its_end(pages: Pages, code: str, level: str) -> None:
    findings = visit(pages)

    assert [(f.code, f.level) for f in findings] == ([(code, level)] if code else [])
    if findings:
        assert findings[0].evidence[0].startswith("http://shop.example/: 30")


def test_a_chain_without_end_is_given_up() -> None:
    pages = {(f"/{n}", "http"): (302, f"/{n + 1}") for n in range(50)}

    (finding,) = visit(pages, "/0")

    assert finding.code == "redirect-loop"
    assert len(finding.evidence) < 10


def test_an_app_that_does_not_see_https_is_told_how() -> None:
    (finding,) = visit(
        {
            ("/", "http"): (301, "https://shop.example/"),
            ("/", "https"): (301, "https://shop.example/"),
        }
    )

    assert "SECURE_PROXY_SSL_HEADER" in finding.help


def test_locations_are_relative_to_the_page() -> None:
    assert target("b?x=1", "http", "h", "/a/") == ("http", "h", "/a/b?x=1")
    assert target("//www.h/x", "https", "h", "/") == ("https", "www.h", "/x")
    assert target("http://h:80", "http", "h", "/a") == ("http", "h", "/")
