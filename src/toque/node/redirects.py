"""Where an app sends its visitors when it answers with a redirect.  Pure, but for the asking."""

from typing import Callable, List, Tuple

from .finding import Finding
from .probe import Answer

MOST = 6  # redirects in a row; browsers give up after about 20

Ask = Callable[[str, str], Answer]  # a page and http or https


def followed(host: str, page: str, first: Answer, ask: Ask) -> List[Finding]:
    """What is to be said of the redirect that ``page`` of ``host`` was answered with.

    It is followed as a browser would, but asked of the new release itself.
    """
    came_by, at = "http", page
    steps = [f"http://{host}{page}: {first.status}, to {first.location}"]
    seen = {(came_by, at)}
    answer = first
    while answer.location:
        scheme, name, at = target(answer.location, came_by, host, at)
        if name != host:
            if came_by == "http" and len(steps) == 1 and not name.endswith(host):
                return _elsewhere(host, name, steps)
            return []
        if (scheme, at) in seen or len(steps) > MOST:
            return [_loop(host, came_by, scheme, steps)]
        secure = scheme == "https" and came_by == "http"
        came_by = scheme
        seen.add((scheme, at))
        answer = ask(at, scheme)
        said = f"{answer.status}, to {answer.location}" if answer.location else answer.said
        steps.append(f"{scheme}://{host}{at}: {said}")
        if secure and not answer.location and answer.good:
            return [_https(host, steps)]
    if answer.good:
        return []
    return [
        Finding(
            "redirect-broken",
            "refuse" if answer.status >= 500 or not answer.status else "warn",
            f"{page} sends visitors to {at}, which answers {answer.said}",
            tuple(steps),
            help='health = "/PATH" in toque.toml, a page that answers 200 by itself',
        )
    ]


def target(location: str, scheme: str, host: str, page: str) -> Tuple[str, str, str]:
    """Scheme, host and page that a Location leads to from a page.  RFC 9110, 10.2.2."""
    from urllib.parse import urljoin, urlsplit

    try:
        split = urlsplit(urljoin(f"{scheme}://{host}{page}", location))
        name = split.netloc
    except ValueError:
        return scheme, "?", page
    usual = {"http": ":80", "https": ":443"}.get(split.scheme, "")
    name = name[: -len(usual)] if usual and name.endswith(usual) else name
    query = f"?{split.query}" if split.query else ""
    return split.scheme, name, (split.path or "/") + query


def _loop(host: str, came_by: str, scheme: str, steps: List[str]) -> Finding:
    if scheme == "https":
        return Finding(
            "redirect-loop",
            "refuse",
            "the app sends visitors to https who have come by https: it does not see by what",
            tuple(steps),
            help="have it believe X-Forwarded-Proto: ProxyFix(app, x_proto=1, x_host=1), or "
            'SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")',
        )
    return Finding(
        "redirect-loop",
        "refuse",
        f"visitors of {host} are sent round in circles",
        tuple(steps),
        help="compare the steps with what the app's own redirects are meant to do",
    )


def _https(host: str, steps: List[str]) -> Finding:
    return Finding(
        "redirect-to-https",
        "warn",
        f"the app sends every visitor to https://{host}, which has to be served too",
        tuple(steps),
        help="a certificate for the site; or switch the redirect off until there is one "
        "(SECURE_SSL_REDIRECT, Talisman, HTTPSRedirectMiddleware)",
    )


def _elsewhere(host: str, name: str, steps: List[str]) -> List[Finding]:
    return [
        Finding(
            "redirect-elsewhere",
            "warn",
            f"the app sends visitors of {host} to {name}",
            tuple(steps),
            help=f'domains = ["{name}"] in toque.toml, if the site is called that',
            certain=False,
        )
    ]
