"""The cookbook that `toque init` writes: the recipes of `toque up`, as text to own.

Its plan is the one of the built-in cookbooks that ``render.as_toml`` names without it.
"""

from __future__ import annotations

from collections.abc import Sequence

from .found import Chosen, Detected, Reason
from .render import commented, setup_of

FOLDER = "infra"
WIDTH = 100  # of a line, as formatters have it

HEAD = '''\
"""{app}: what its machine is, and how one release takes the place of another.

Written by `toque init`, and yours from now on.  What a line here stands for is a page of Python in
Toque's own library; a part is changed by writing another one in its place: docs/guides/cookbook
"""

from toque import Cookbook, Recipe
from toque.library import {imports}


def setup(r: Recipe) -> None:
    """What a deploy takes for granted.  Safe to run again at any time."""
'''
SETUP = {
    "python_app": "git and uv; the users and directories of the app",
    "uwsgi": "Debian's uWSGI",
    "postgresql": "the server; a role, a password and a database of its own",
    "nginx": "the site: nginx speaks to the app's socket and shows its files",
}
TAIL = """\
    # Started beside the release that serves, asked until it answers well, then given the visitors.
    python_app.switch(r, here)


cookbook = Cookbook("{name}", events={{"setup": setup, "deploy": deploy}})
"""


def cookbook_name(app: str) -> str:
    """The name of the package; with an ending, so that it is no module of the app's."""
    return f"{app.replace('-', '_')}_site"


def as_cookbook(found: Detected, app: str) -> str:
    """The text of the package that sets up a machine for ``app`` and deploys it there."""
    server = found.server.name
    imports = ", ".join(sorted({server, *setup_of(found)}))
    reasons: dict[str, Sequence[Reason]] = {
        "python_app": [found.entry.why],
        "uwsgi": [found.server.why],
        "postgresql": [found.database.why] if found.database else [],
        "nginx": [one.why for one in found.static],
    }
    lines = [HEAD.format(app=app, imports=imports)]
    for part in setup_of(found):
        lines += [*_comment(SETUP[part], reasons[part]), f"    r.include({part}.setup)", ""]
    lines += ["", "def deploy(r: Recipe) -> None:"]
    lines += [
        '    """One release in the place of another; if a step fails, the old one serves on."""'
    ]
    lines += ["    here = python_app.layout(r)  # here.code, here.socket, ...", ""]
    lines += ["    if not r.source.kept:  # a rollback finds all of this in place"]
    for words, why, calls in _steps(found, server):
        lines += [f"    {line}" for line in _comment(words, why)]
        lines += [f"        {call}" for call in calls]
    return "\n".join([*lines, "", TAIL.format(name=cookbook_name(app))])


def _steps(found: Detected, server: str) -> list[tuple[str, Sequence[Reason], Sequence[str]]]:
    """The steps that make a release: in words, why it is like this, and as it is written."""
    needed = [variable.why for variable in found.variables if variable.needed]
    completed = [one.why for one in found.shared] + [one.why for one in found.static]
    completed += [found.build.why] if found.build else []
    served = [
        "python_app.serve_by(",
        "    r,",
        "    here,",
        f"    settings={server}.settings(r, here),",
        f"    unit={server}.unit(r, here),",
        ")",
    ]
    return [
        ("the commit, and the packages of its lock", [found.lock.why],
         ["python_app.fetch(r, here)"]),
        ("its variables, in a file for root only", needed, ["python_app.environment(r, here)"]),
        ("what outlives a release, what is built, what nginx shows", completed,
         ["python_app.complete(r, here)"]),
        (f"how {server} serves it, and the unit that starts it", [found.server.why], served),
        ("its workers and schedules", [one.why for one in found.processes],
         ["python_app.processes(r, here)"]),
        ("imported as the server will: what it lacks is told before anybody sees it", [],
         ["python_app.inspect(r, here)"]),
        ("its migrations, with the new code", _why(found.migrate),
         ["python_app.migrate(r, here)"]),
    ]  # fmt: skip


def _why(chosen: Chosen | None) -> Sequence[Reason]:
    return [chosen.why] if chosen else []


def _comment(words: str, why: Sequence[Reason]) -> list[str]:
    """What a step is and where the project says so; of reasons that are alike one."""
    reasons = dict.fromkeys(commented(str(reason)) for reason in why)
    return [f"    # {words}", *(f"    #   {reason}"[: WIDTH - 4] for reason in reasons)]
