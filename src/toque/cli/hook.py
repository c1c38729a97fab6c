"""``toque hook``: a bare repository whose pushes are deployed."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import click

from .. import bootstrap
from ..errors import AskedWrongly
from ..usecases import deploy as deploying
from ..usecases import push
from . import asked
from .asked import json_option
from .show import Shown
from .trouble import words


@click.group()
def hook() -> None:
    """Deploy every push to a bare repository."""


@hook.command()
@click.argument("app", default="")
@click.option(
    "--repository",
    type=click.Path(file_okay=False, path_type=Path),
    help="The bare repository; the app's own in toque.toml when left out.",
)
@json_option
def install(app: str, repository: Path | None, as_json: bool) -> None:
    """Make a bare repository, and deploy APP at each push to its branch.

    Point the app's 'repository' in toque.toml at it, then: git push PATH main.  The steps of the
    deploy are shown in the output of git push.  Safe to repeat.
    """
    project, _ = asked.here()
    chosen = asked.only_app(project, app)
    own = project.repository(chosen)
    if repository is None and chosen.remote:
        raise AskedWrongly(
            "hook-remote-repository",
            f"the repository of {chosen.name} is not on this machine",
            expected="a path in 'repository', or --repository PATH",
            found=own,
            hint=f"toque deploy {chosen.name} takes what is pushed there",
        )
    path = (repository or Path(own)).resolve()
    bootstrap.init_bare(path)
    push.install(path, project.directory, chosen.name, sys.executable)
    if as_json:
        asked.tell({"app": chosen.name, "repository": str(path), "branch": chosen.branch})
        return
    click.echo(f"{path} deploys {chosen.name} at each push to {chosen.branch}")
    click.echo(f"  git push {path} {chosen.branch}")
    if str(path) != own:
        click.echo(f'  and in toque.toml: repository = "{path}"')


@hook.command(hidden=True)
def run() -> None:
    """What post-receive calls, in the repository, with git's lines on standard input."""
    repository = Path.cwd()
    settings = json.loads((repository / "toque.json").read_text(encoding="utf-8"))
    project = asked.ahead().project or bootstrap.open_project(Path(settings["project"]))
    site = bootstrap.open_site(project)
    site = replace(site, by=f"{site.by} (push)")  # who, and by what: node/deploys.py
    app = project.app(settings["app"])
    source = bootstrap.open_repository(repository)

    def deploy(commit: str, before: str) -> None:
        with Shown(verbose=False, diffs=False) as shown:
            shown.heading(f"deploy {app.name} {commit[:12]}")
            places = asked.app_places(project, app, "")
            balancers = asked.balancer_places(project, app)
            several = len(places) > 1 or bool(balancers)
            done = deploying.deploy(
                site,
                app,
                places,
                ref=commit,
                before=before,
                balancers=balancers,
                watch=shown.of if several else lambda node: shown,
                say=shown.heading,
            )
            for one in done:
                shown.summary(one.node, one.report)
                shown.heading(f"{one.node}: {app.name} serves {one.commit[:12]}")

    failure = push.receive(
        push.parse_pushed(sys.stdin.read()),
        repository=repository,
        branch=app.branch,
        app=app.name,
        tip=source.resolve,
        deploy=deploy,
        say=click.echo,
    )
    if failure is not None:
        for line in words(failure.trouble):
            click.echo(line)
        click.echo(f"  {app.name} goes on serving the release before")
        sys.exit(failure.exit_status)
