"""A deploy by hand in one SSH session, for the floor and for the peer; runs on the node as root.

    floor COMMIT    git fetch, uv sync and the boot of the app, each as it is, nothing else
    peer COMMIT     the same into a new directory, a link renamed, HUP to the server that serves
    prepare         a clone, an environment, the settings of the release that Toque runs, rewritten
    stop            the server that "floor" has started

Prints seconds of each part as one JSON object.  Standard library only.
"""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

UV = "/usr/local/lib/toque/uv"
TOP = "/srv/byhand"
RUN = "/run/byhand"
RELEASES = "/srv/www/shop/releases"
CACHE = "/var/cache/toque/uv/shop"


def run(argv, user, cwd=TOP, **more):
    env = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": CACHE,
        "UV_CACHE_DIR": CACHE,
        "UV_NO_PROGRESS": "1",
        "UV_PYTHON_DOWNLOADS": "never",
    }
    return subprocess.run(argv, user=user, group=user, cwd=cwd, env=env, check=True, **more)


def serving():
    """The id of the release that Toque runs, and where its parts are."""
    release = os.path.basename(os.readlink("/srv/www/shop/current"))
    venv = os.path.realpath("/srv/www/shop/current/.toque/venv")
    return release, venv


def rewritten(text, release, venv, code, runtime):
    """The same settings for another place."""
    text = text.replace("/run/shop-" + release, runtime).replace(venv, TOP + "/venv")
    text = text.replace(f"{RELEASES}/{release}/.toque/venv", TOP + "/venv")
    text = text.replace(f"{RELEASES}/{release}/.toque", TOP + "/beside")
    return text.replace(f"{RELEASES}/{release}", code)


def unit_of(release):
    return Path(f"/etc/systemd/system/shop-{release}.service").read_text()


def command(release, venv, code, runtime):
    """The unit's command, and the settings that it names, for another place."""
    unit = unit_of(release)
    words = re.search(r"^ExecStart=(.*)$", unit, re.M).group(1)
    settings = next(w for w in words.split() if w.startswith("/etc/toque/apps/"))
    text = rewritten(Path(settings).read_text(), release, venv, code, runtime)
    if settings.endswith(".py") and code.endswith("/current"):
        text += f'\nchdir = "{code}"\n'  # else gunicorn goes on with the release it began in
    own = runtime + os.path.splitext(settings)[1]
    Path(own).write_text(text)
    os.chmod(own, 0o644)
    return rewritten(words.replace(settings, own), release, venv, code, runtime).split()


def prepare():
    release, _ = serving()
    for path, user in ((TOP, "shop-deploy"), (TOP + "/releases", "shop-deploy")):
        os.makedirs(path, exist_ok=True)
        shutil.chown(path, user, "shop")
    if not os.path.isdir(TOP + "/clone"):
        run(["git", "clone", "-q", TOP + "-origin.git", "clone"], "shop-deploy")
        run([UV, "venv", "-q", "--python", "/usr/bin/python3", "venv"], "shop-deploy")
    sync("clone", "--compile-bytecode")  # as Toque leaves it, and open to the app's user
    run(["chmod", "-R", "go+rX", "venv"], "shop-deploy")
    # The entry that Toque's settings name is the app in a wrapper, which wants its own two files.
    shutil.rmtree(TOP + "/beside", ignore_errors=True)
    os.mkdir(TOP + "/beside")
    for path in Path(f"{RELEASES}/{release}/.toque").iterdir():
        if path.is_file() and not path.is_symlink():
            shutil.copy(path, TOP + "/beside/" + path.name)
            os.chmod(TOP + "/beside/" + path.name, 0o644)
    return {}


def sync(folder, *more):
    words = ["--require-hashes", "--link-mode", "copy", *more, folder + "/requirements.txt"]
    run([UV, "pip", "sync", "-q", "--python", TOP + "/venv/bin/python", *words], "shop-deploy")


def ask(path):
    connection = http.client.HTTPConnection("shop.example", timeout=5)
    connection.sock = socket.socket(socket.AF_UNIX)
    try:
        connection.sock.settimeout(5)
        connection.sock.connect(path)
        connection.request("GET", "/version", headers={"Connection": "close"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode().strip()
    except (OSError, http.client.HTTPException):
        return 0, ""
    finally:
        connection.close()


def stop():
    try:
        pid = int(Path(RUN + ".pid").read_text())
    except FileNotFoundError:
        return {}
    os.killpg(pid, signal.SIGKILL)
    os.unlink(RUN + ".pid")
    return {}


def floor(commit):
    began = time.monotonic()
    run(["git", "fetch", "-q", "origin"], "shop-deploy", TOP + "/clone")
    run(["git", "checkout", "-q", "--force", commit], "shop-deploy", TOP + "/clone")
    fetched = time.monotonic()
    sync("clone")
    synced = time.monotonic()
    release, venv = serving()
    shutil.rmtree(RUN, ignore_errors=True)
    os.mkdir(RUN)
    shutil.chown(RUN, "shop", "shop")
    argv = command(release, venv, TOP + "/clone", RUN)
    log = open(RUN + ".log", "w")  # noqa: SIM115 - the server keeps it
    server = subprocess.Popen(
        argv,
        user="shop",
        group="shop",
        cwd=TOP + "/clone",
        start_new_session=True,
        env={"PATH": "/usr/bin:/bin", "TOQUE_COMMIT": commit},
        umask=0o007,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=log,
    )
    log.close()
    Path(RUN + ".pid").write_text(str(server.pid))
    while ask(RUN + "/app.sock") != (200, commit):
        if server.poll() is not None or time.monotonic() - synced > 60:
            sys.exit("the server does not answer: " + Path(RUN + ".log").read_text()[-2000:])
        time.sleep(0.01)
    done = time.monotonic()
    return {"fetch_s": fetched - began, "sync_s": synced - fetched, "boot_s": done - synced}


UNIT = """[Service]
Type={kind}
ExecStart={command}
User=shop
Group=shop
WorkingDirectory={code}
RuntimeDirectory=byhand-peer
RuntimeDirectoryMode=0750
UMask=0007
KillMode=mixed
"""
SITE = """server {
    listen 8090;
    access_log off;
    location / {
        proxy_pass http://unix:/run/byhand-peer/app.sock;
        proxy_http_version 1.1;
        proxy_set_header Host $http_host;
        proxy_set_header Connection close;
        proxy_read_timeout 75s;
        proxy_next_upstream off;
    }
}
"""


def peer(commit):
    """What many sites do: new code beside the old, a link renamed, the server told to reload."""
    run(["git", "fetch", "-q", "origin"], "shop-deploy", TOP + "/clone")
    new = f"{TOP}/releases/{commit[:12]}"
    run(
        ["git", "worktree", "add", "-q", "--force", "--detach", new, commit],
        "shop-deploy",
        TOP + "/clone",
    )
    Path(new + "/commit.env").write_text(commit)
    sync(new)
    os.symlink(new, TOP + "/next")
    os.rename(TOP + "/next", TOP + "/current")
    path = "/etc/systemd/system/byhand-peer.service"
    if not os.path.exists(path):
        release, venv = serving()
        argv = command(release, venv, TOP + "/current", "/run/byhand-peer")
        kind = re.search(r"^Type=(.*)$", unit_of(release), re.M).group(1)
        text = UNIT.format(kind=kind, command=" ".join(argv), code=TOP + "/current")
        Path(path).write_text(text)
        Path("/etc/nginx/conf.d/byhand-peer.conf").write_text(SITE)
        subprocess.run(["systemctl", "daemon-reload"], check=True)
        subprocess.run(["systemctl", "start", "byhand-peer"], check=True)
        subprocess.run(["systemctl", "reload", "nginx"], check=True)
    else:
        subprocess.run(
            ["systemctl", "kill", "-s", "HUP", "--kill-who=main", "byhand-peer"], check=True
        )
    return {}


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))
