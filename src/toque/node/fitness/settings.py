"""Settings of a framework that do not belong into production.  Pure."""

from typing import Any, Iterator, Mapping

from ..finding import REFUSE, WARN, Finding
from .served import Served


def setting_findings(report: Mapping[str, Any], served: Served) -> Iterator[Finding]:
    told = report.get("settings") or {}
    yield from _modes(told, served)
    yield from _secrets(report, told, served)
    yield from _hosts(told, served)
    sqlite = told.get("sqlite", "")
    if sqlite and sqlite.startswith(f"{served.code}/"):
        yield Finding(
            "database-in-release",
            "warn",
            "the app keeps its database beside its code: it cannot write there, and the next "
            "release begins without it",
            (sqlite,),
            help=f"put it below {served.shared}, or use [apps.{served.app}.database]",
        )


def _modes(told: Mapping[str, Any], served: Served) -> Iterator[Finding]:
    framework = told.get("framework", "")
    if told.get("debug") or told.get("debugger"):
        # Flask alone shows nothing to visitors; Django and Starlette show code and settings.
        shows = framework != "flask" or told.get("debugger")
        yield Finding(
            "debug-on",
            REFUSE if shows else WARN,
            f"{framework.capitalize() or 'the app'} runs in debug mode"
            + (": visitors see code and settings of whatever fails" if shows else ""),
            help=_DEBUG.get(framework, "switch debug off where the app is made"),
        )
    if told.get("testing"):
        yield Finding(
            "testing-on",
            "warn",
            "TESTING is on: the app's own error pages are not used, and some checks are left out",
            help="set TESTING only in tests",
        )
    if told.get("propagate"):
        name = "DEBUG_PROPAGATE_EXCEPTIONS" if framework == "django" else "PROPAGATE_EXCEPTIONS"
        yield Finding(
            "exceptions-propagate",
            "warn",
            f"{name} is on: a failed request has no answer, which nginx calls 502",
            help=f"{name} = False, and read the log instead",
        )


_DEBUG = {
    "flask": "app.run(debug=True) only under __main__; no FLASK_DEBUG in the environment",
    "django": "DEBUG = False in the settings that production uses",
    "starlette": "debug=False where the app is made",
    "fastapi": "debug=False where the app is made",
}


def _secrets(
    report: Mapping[str, Any], told: Mapping[str, Any], served: Served
) -> Iterator[Finding]:
    fallbacks = {one["name"]: one["place"] for one in report.get("fallbacks", ())}
    for name, place in fallbacks.items():
        yield Finding(
            "secret-fallback",
            "refuse",
            f"{name} is not set, and the app takes a text of its own code instead, which everybody "
            "knows who has the code",
            (),
            place,
            f'{name} = "generate" under [apps.{served.app}.secrets]',
        )
    for one in told.get("secrets", ()):
        name = one["name"]
        if one["from"] == "code":
            if one["place"] in fallbacks.values():
                continue
            yield Finding(
                "secret-in-code",
                "refuse",
                f"{name} stands in the app's own code: everybody who has it can sign sessions",
                (),
                one["place"],
                f'read it by os.environ["{name}"]; {name} = "generate" under '
                f"[apps.{served.app}.secrets]",
            )
        elif one["well_known"]:
            yield Finding(
                "secret-weak",
                "warn",
                f"{name} is a text that anybody would try first",
                (f"it comes from the variable {one['from']}",) if one["from"] else (),
                help=f'{name} = "generate" under [apps.{served.app}.secrets]',
            )


def _hosts(told: Mapping[str, Any], served: Served) -> Iterator[Finding]:
    if told.get("host_fits", True):
        return
    allowed = told["hosts"]
    names = [name for name in allowed if not name.startswith((".", "*")) and name != served.host]
    where = "ALLOWED_HOSTS" if told["framework"] == "django" else "TrustedHostMiddleware"
    help = f"add {served.host!r} to {where}"
    if names and served.host == "localhost":
        help = f'domains = ["{names[0]}"] under [apps.{served.app}]'
    yield Finding(
        "host-refused",
        "refuse",
        f"the app refuses every visitor of {served.host}: its {where} does not have the name",
        (f"{where}: {', '.join(allowed) or '(empty)'}",),
        help=help,
    )
