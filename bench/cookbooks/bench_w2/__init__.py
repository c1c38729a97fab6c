"""W2: 100 resources of a small web server: what owners of Python sites declare, mixed."""

from toque import Cookbook, Directory, File, Group, Link, Package, Recipe, Service, User

HOME = "/srv/bench/w2"
PACKAGES = (
    "acl", "at", "bc", "cron", "curl", "git", "jq", "less", "lsof", "nginx-light", "rsync",
    "rsyslog", "tree", "unzip", "zip",
)  # fmt: skip
SERVICES = ("nginx", "cron", "rsyslog", "atd", "ssh")
NO_LOGIN = "/usr/sbin/nologin"
SITE = "/etc/nginx/sites-available/bench"


def setup(r: Recipe) -> None:
    nginx = Service("nginx", running=True, enabled=True)
    for name in PACKAGES:
        r.add(Package(name))
    for name in ("bench-web", "bench-ops"):
        r.add(Group(name))
    for name in ("bench-app", "bench-deploy", "bench-jobs"):
        home = f"/home/{name}"
        r.add(User(name, group="bench-web", home=home, shell=NO_LOGIN))
    for number in range(20):
        owner = ("root", "bench-app", "bench-deploy")[number % 3]
        path = HOME if number == 0 else f"{HOME}/d{number:02d}"
        r.add(Directory(path, owner=owner, group="bench-web", mode=0o755))
    r.add(File(SITE, content=site()), notify=nginx.reload)
    for number in range(49):
        text = f"# file {number}\n" + f"setting_{number} = value {number * 7919 % 997}\n" * 24
        r.add(File(f"{HOME}/d{1 + number % 19:02d}/f{number:02d}.conf", content=text))
    r.add(Link("/etc/nginx/sites-enabled/bench", SITE), notify=nginx.reload)
    for number in range(4):
        r.add(Link(f"{HOME}/l{number}", f"{HOME}/d{number + 1:02d}/f{number:02d}.conf"))
    for name in SERVICES[1:]:
        r.add(Service(name, running=True, enabled=True))
    r.add(nginx)


def site() -> str:
    return (
        "server {\n    listen 8080;\n    server_name bench.invalid;\n    root /var/www/html;\n"
        "    access_log off;\n    location / { return 200 'bench'; }\n}\n"
    )


cookbook = Cookbook("bench_w2", events={"setup": setup})
