"""Chef's resource types, one file a noun: what each is in Toque."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..declared import Declared
from ..layout import Made
from . import (
    accounts,
    cron,
    directory,
    execute,
    file,
    git,
    link,
    log,
    package,
    remote_file,
    service,
)

# Each gives the resources that stand for it, in order; none for what Toque does by itself.
TYPES: Mapping[str, Callable[[Declared], list[Made]]] = {
    "package": package.carry,
    "apt_package": package.carry,
    "apt_update": package.refreshed,
    "service": service.carry,
    "systemd_unit": service.unit,
    "template": file.template,
    "file": file.plain,
    "cookbook_file": file.shipped,
    "directory": directory.carry,
    "link": link.carry,
    "user": accounts.user,
    "group": accounts.group,
    "execute": execute.carry,
    "bash": execute.script,
    "script": execute.script,
    "sh": execute.script,
    "cron": cron.carry,
    "git": git.carry,
    "remote_file": remote_file.carry,
    "log": log.carry,
}
_PYTHON = "Python packages are locked by the app and installed by its deploy: [apps.NAME] lock"
# Why others are listed.
REASONS: Mapping[str, str] = {
    "python_pip": _PYTHON,
    "python_package": _PYTHON,
    "python_virtualenv": _PYTHON,
    "pip_requirements": _PYTHON,
    "python_runtime": "a node has its system's Python; an app's is [apps.NAME] python",
    "application": "an app of toque.toml takes its place: [apps.NAME]",
    "deploy": "an app of toque.toml takes its place: [apps.NAME] repository",
    "deploy_revision": "an app of toque.toml takes its place: [apps.NAME] repository",
    "opsworks_deploy": "an app of toque.toml takes its place: [apps.NAME] repository",
    "opsworks_deploy_dir": "the app's directories are made by its deploy",
    "ruby_block": "Ruby of its own: a resource type of your own, docs/guides/cookbook",
    "http_request": "HttpCheck and PortCheck wait; what changes something is a Command",
    "gem_package": "Ruby's packages are not installed by Toque: a Command with a guard",
    "apt_repository": "AptRepository wants its key as bytes and its suites by name",
    "python": "a script is a File and a Command",
    "perl": "a script is a File and a Command",
    "ruby": "a script is a File and a Command",
    "powershell_script": "Windows",
    "remote_directory": "Tree(path, *r.tree(NAME)) for a folder of files/",
    "mount": "Mount(path, device=...)",
    "reboot": "Reboot, at the end of a run",
    "chef_gem": "Chef's own Ruby is not there",
    "yum_package": "for other systems than Debian and Ubuntu",
    "dnf_package": "for other systems than Debian and Ubuntu",
}
