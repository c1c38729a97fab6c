"""The hello app in the place of a release: is it the server's fault, or the app's?

The same unit is started once more beside the release, under another name and with another socket:
the same user, environment, limits and app server, but what it loads is a page of ours.  nginx is
asked as well: its site leads to ``current``, so the app's own page comes through it while the hello
app answers on its socket; nothing that visitors use is touched, and all of it is taken away again.
"""

import re
from typing import Any, Dict, List, Mapping

from ..applayout import UNITS, app_path, apps_path, env_path, socket_path, unit_name
from ..errors import StepFailed
from ..inits import choose
from ..probe import ask
from ..system import System

HELLO_MODULE = "toque_hello"
HELLO = '''\
"""Toque's hello app: no framework, no database.  It answers if the server can."""


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "6")])
    return [b"hello\\n"]
'''
HELLO_ASGI = '''\
"""Toque's hello app: no framework, no database.  It answers if the server can."""


async def app(scope, receive, send):
    if scope["type"] != "http":
        raise RuntimeError("only http")
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"6")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"hello\\n"})
'''
WITHIN_S = 15.0


def bypass(system: System, app: str, host: str) -> Dict[str, Any]:
    """What the hello app answers, and what the release does, by the same unit.

    Raises ``StepFailed("app-not-here")`` when no release is current.
    """
    link = system.stat(f"{app_path(app)}/current")
    release = link.target.rsplit("/", 1)[-1] if link is not None else ""
    text = _read(system, f"{UNITS}/{unit_name(app, release)}") if release else ""
    if not text:
        raise StepFailed(
            "app-not-here",
            f"{app} has no current release with a unit",
            expected=f"{app_path(app)}/current and its unit",
            hint=f"toque deploy {app}",
        )
    trial = trial_id(release)
    unit, folder = unit_name(app, trial), hello_folder(app)
    parts = trial_parts(app, release, text, _settings(system, app, release))
    init = choose(system)
    said: Dict[str, Any] = {"release": release, "hello": "", "log": []}
    try:
        system.mkdir(folder, owner="root", group=app, mode=0o750)
        for path, content in parts.items():
            group = app if not path.startswith(UNITS) else "root"
            system.write(path, content.encode(), owner="root", group=group, mode=0o640)
        system.write(env_path(app, trial), system.read(env_path(app, release)), mode=0o600)
        init.load(unit)
        init.launch(unit)
        until = system.monotonic() + WITHIN_S
        while system.monotonic() < until:
            answer = ask(socket_path(app, trial), host, "/", timeout_s=1.0)
            said["hello"] = answer.said
            if answer.good and answer.body == b"hello\n":
                said["works"] = True
                break
            system.sleep(0.1)
        said["log"] = init.log(unit, 20) if not said.get("works") else []
        real = ask(socket_path(app, release), host, "/", timeout_s=WITHIN_S)
        said["app"] = real.said
        said["app_works"] = real.good
    except StepFailed as error:
        said["hello"] = error.message
        said["log"] = [*error.log][-20:] or init.log(unit, 20)
    finally:
        _restore(system, app, trial, list(parts))
    return said


def _restore(system: System, app: str, trial: str, paths: List[str]) -> None:
    """Take it all away; what is not there any more was not there before either."""
    init = choose(system)
    unit = unit_name(app, trial)
    try:
        init.stop(unit)
    except StepFailed as error:
        system.note(error.message)
    for path in [*paths, env_path(app, trial)]:
        system.remove(path)
    system.remove_tree(hello_folder(app))
    init.unload(unit)


def trial_id(release: str) -> str:
    """A release id that no release has: of the same commit, with settings of only zeros."""
    return release.rsplit("-", 1)[0] + "-000000"


def hello_folder(app: str) -> str:
    return f"/run/toque-hello-{app}"


def trial_parts(app: str, release: str, unit: str, settings: Mapping[str, str]) -> Dict[str, str]:
    """The files of the trial, by path.  Pure.

    What names the release's own unit, socket, runtime directory and settings is renamed; what is
    loaded is the hello app; the code, the packages and the working directory stay the release's.
    """

    trial, folder = trial_id(release), hello_folder(app)

    def changed(text: str) -> str:
        for form in (f"{app}-{release}", f"{apps_path(app)}/{release}."):
            text = text.replace(form, form.replace(release, trial))
        text = text.replace(f"{app_path(app)}/releases/{release}/.toque\n", f"{folder}\n")
        text = text.replace(f'{app_path(app)}/releases/{release}/.toque"', f'{folder}"')
        return re.sub(r"\btoque_entry\b", HELLO_MODULE, text)

    parts = {f"{UNITS}/{unit_name(app, trial)}": changed(unit)}
    for suffix, text in settings.items():
        parts[f"{apps_path(app)}/{trial}.{suffix}"] = changed(text)
    speaks_asgi = re.search(r"\buvicorn\b|\basgi\b", "".join(settings.values()))
    parts[f"{folder}/{HELLO_MODULE}.py"] = HELLO_ASGI if speaks_asgi else HELLO
    return parts


def _settings(system: System, app: str, release: str) -> Dict[str, str]:
    """The app server's own files of the release, by suffix; the environment is not among them."""
    found = {}
    for name in system.names(apps_path(app)):
        stem, _, suffix = name.partition(".")
        if stem == release and suffix and suffix != "env":
            found[suffix] = _read(system, f"{apps_path(app)}/{name}")
    return found


def _read(system: System, path: str) -> str:
    try:
        return system.read(path).decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
