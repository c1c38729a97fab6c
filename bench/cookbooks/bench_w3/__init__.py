"""W3: a bare machine becomes a web node: nginx, uWSGI, git and PostgreSQL, with their settings."""

from toque import Cookbook, Directory, File, Group, Link, Package, Recipe, Service, User

HOME = "/srv/bench"
PACKAGES = ("git", "nginx-light", "postgresql", "uwsgi", "uwsgi-plugin-python3")
NO_LOGIN = "/usr/sbin/nologin"
SITE = "/etc/nginx/sites-available/bench"


def setup(r: Recipe) -> None:
    nginx = Service("nginx", running=True, enabled=True)
    r.add(Package(*PACKAGES))
    r.add(Group("bench-web"))
    for name in ("bench-app", "bench-deploy"):
        r.add(User(name, group="bench-web", home=f"/home/{name}", shell=NO_LOGIN))
    for path in (HOME, f"{HOME}/app", f"{HOME}/static", f"{HOME}/run"):
        r.add(Directory(path, owner="bench-deploy", group="bench-web", mode=0o755))
    for number in range(10):
        text = "".join(f"setting_{n} = value {n * 7919 % 997}\n" for n in range(24))
        r.add(File(f"{HOME}/app/f{number}.conf", content=text))
    r.add(File(SITE, content=site()), notify=nginx.reload)
    r.add(Link("/etc/nginx/sites-enabled/bench", SITE), notify=nginx.reload)
    r.add(nginx)
    r.add(Service("postgresql", running=True, enabled=True))


def site() -> str:
    return (
        "server {\n    listen 8080;\n    server_name bench.invalid;\n    root /srv/bench/static;\n"
        "    access_log off;\n    location / { return 200 'bench'; }\n}\n"
    )


cookbook = Cookbook("bench_w3", events={"setup": setup})
