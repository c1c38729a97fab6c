"""Where the parts of an app live on a node: names in, names out.

    /srv/www/APP/releases/ID          one exported commit
    /srv/www/APP/current              -> releases/ID, the switch
    /etc/systemd/system/APP-ID.service
    /run/APP-ID/app.sock              what the unit listens on
    /var/lib/toque/apps/APP.jsonl     every switch, one line each
    /var/lib/toque/apps/APP.deploys.jsonl   every deploy, one line each
    /var/lib/toque/apps/APP.watch.json  what is watched after a switch

A release ID is ``<12 hex of the commit>-<6 hex of its settings>``, so a unit's name tells which
release it runs and an app ``shop`` never takes a unit of ``shop-admin`` for its own.
"""

import re
from typing import Optional

ID = "[0-9a-f]{12}-[0-9a-f]{6}"

UNITS = "/etc/systemd/system"


def is_release(name: str) -> bool:
    """Whether ``name`` has the form of a release ID."""
    return re.fullmatch(ID, name) is not None


def release_in(unit: str) -> str:
    """The release ID at the end of a unit's name, whatever app it is of; empty when none is."""
    found = re.search("-(" + ID + r")\.service$", unit)
    return found.group(1) if found else ""


def unit_name(app: str, release: str) -> str:
    return f"{app}-{release}.service"


def release_of(app: str, unit: str) -> Optional[str]:
    """The release ID that ``unit`` runs, or None when it is not a unit of ``app``."""
    found = re.fullmatch(re.escape(app) + "-(" + ID + r")\.service", unit)
    return found.group(1) if found else None


def socket_path(app: str, release: str) -> str:
    return f"/run/{app}-{release}/app.sock"


def apps_path(app: str) -> str:
    """The directory of what the releases of ``app`` are given: ``ID.env``, ``ID.ini``."""
    return f"/etc/toque/apps/{app}"


def env_path(app: str, release: str) -> str:
    return f"{apps_path(app)}/{release}.env"


def deploy_key_path(app: str) -> str:
    """The private key that reads the app's repository; only the deploy user can read it."""
    return f"{apps_path(app)}/deploy_key"


def known_hosts_path(app: str) -> str:
    """The host keys that a fetch of ``app`` may meet, and no others."""
    return f"{apps_path(app)}/known_hosts"


def scale_path(app: str) -> str:
    """How many processes somebody asked for, by name: JSON."""
    return f"{apps_path(app)}/scale.json"


def app_path(app: str) -> str:
    return f"/srv/www/{app}"


def deploys_path(app: str) -> str:
    return f"/var/lib/toque/apps/{app}.deploys.jsonl"


def history_path(app: str) -> str:
    return f"/var/lib/toque/apps/{app}.jsonl"


def watch_path(app: str) -> str:
    """What is to be watched after a switch, and what came of it."""
    return f"/var/lib/toque/apps/{app}.watch.json"


def watch_unit(app: str) -> str:
    """The unit of the watcher of an app."""
    return f"toque-watch-{app}.service"
