"""toque.toml: what is read, and how each mistake is answered."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from toque.errors import AskedWrongly, ToqueError
from toque.fleet.project import find_project, load_project, parse_project

WHOLE = """\
[stack]
name = "thena"
cookbooks = ["../thena-infra"]
[stack.attributes.thena_infra]
processes = 3
[layers.web]
setup = ["thena_infra"]
deploy = ["thena_infra"]
[layers.web.attributes.thena_infra]
processes = 4
[nodes.web1]
address = "root@203.0.113.7"
port = 22
layer = "web"
key = "path"
sudo = false
[nodes.web1.attributes.thena_infra]
processes = 5
[apps.thena]
repository = "../thena"
branch = "main"
root = "."
layer = "web"
server = "uwsgi"
entry = "wsgi:app"
lock = "requirements.txt"
python = "3.11"
processes = 2
domains = ["thena.example"]
health = "/"
answers = 3
migrate = ["alembic", "upgrade", "head"]
keep = 5
requires = ["DATABASE_URL", "SECRET_KEY"]
[apps.thena.env]
FLASK_ENV = "production"
[apps.thena.secrets]
SECRET_KEY = "generate"
[apps.thena.database]
kind = "postgresql"
name = "thena"
variable = "DATABASE_URL"
"""


def refused(text: str) -> ToqueError:
    with pytest.raises(AskedWrongly) as caught:
        parse_project(text, Path("/srv/project"))
    return caught.value


def changed(old: str, new: str) -> str:
    assert WHOLE.count(old) == 1
    return WHOLE.replace(old, new)


def line(text: str, start: str) -> int:
    return [n for n, t in enumerate(text.splitlines(), 1) if t.startswith(start)][0]


def test_whole_file_becomes_values():
    project = parse_project(WHOLE, Path("/srv/project"))

    app = project.app("thena")
    assert project.stack.name == "thena"
    assert project.cookbooks == (Path("/srv/thena-infra"),)
    assert project.layers["web"].cookbooks("deploy") == ("thena_infra",)
    assert project.node("web1").port == 22
    assert app.migrate == ("alembic", "upgrade", "head")
    assert app.database and app.database.variable == "DATABASE_URL"
    assert app.variables == {"FLASK_ENV", "SECRET_KEY", "DATABASE_URL"}
    assert project.nodes_of(app) == (project.node("web1"),)
    assert project.apps_of(project.node("web1")) == (app,)
    assert project.repository(app) == "/srv/thena"


def test_smallest_app_gets_defaults():
    app = parse_project(
        '[stack]\nname="s"\n[layers.web]\n[apps.a]\nrepository="."\nlayer="web"\n', Path("/p")
    ).app("a")

    assert (app.branch, app.server, app.keep, app.answers) == ("main", "gunicorn", 5, 3)


def test_attributes_for_a_node_come_stack_first_then_layer_node_and_run():
    project = parse_project(WHOLE, Path("/p"))

    layers = project.attributes_for(project.node("web1"), {"thena_infra": {"processes": 9}})

    found = [(one.name, one.tables.get("thena_infra", {}).get("processes")) for one in layers]
    assert found == [("stack", 3), ("layer web", 4), ("node web1", 5), ("run", 9)]


@pytest.mark.parametrize(
    ("old", "new", "hint"),
    [
        ("port = 22", "prot = 22", "did you mean 'port'?"),
        ('branch = "main"', 'brnach = "main"', "did you mean 'branch'?"),
        ("[layers.web]", "[layer.web]", "did you mean 'layers'?"),
        ('setup = ["thena_infra"]', 'setpu = ["thena_infra"]', "did you mean 'setup'?"),
        ('kind = "postgresql"', 'knid = "postgresql"', "did you mean 'kind'?"),
    ],
)
def test_unknown_key_names_line_and_nearest(old, new, hint):
    text = changed(old, new)

    error = refused(text)

    assert error.code == "unknown-key"
    assert error.trouble.hint == hint
    assert error.trouble.place == f"toque.toml:{line(text, new)}"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("port = 22", 'port = "22"', "a whole number"),
        ("port = 22", "port = true", "a whole number"),
        ("sudo = false", "sudo = 0", "true or false"),
        ("keep = 5", "keep = 5.0", "a whole number"),
        ('domains = ["thena.example"]', 'domains = "thena.example"', "a list of text"),
        ('domains = ["thena.example"]', "domains = [1]", "text"),
        (
            'server = "uwsgi"',
            'server = "apache"',
            "one of 'uwsgi', 'gunicorn', 'uvicorn', 'granian'",
        ),
        ('FLASK_ENV = "production"', "FLASK_ENV = 1", "text"),
        ('python = "3.11"', "python = 3.11", "text"),
    ],
)
def test_wrong_type_names_line_and_expectation(old, new, expected):
    text = changed(old, new)

    error = refused(text)

    assert error.code == "wrong-type"
    assert error.trouble.expected == expected
    assert error.trouble.place == f"toque.toml:{line(text, new)}"


def test_missing_key_is_named():
    error = refused(changed('entry = "wsgi:app"\n', "").replace('repository = "../thena"\n', ""))

    assert error.code == "key-missing"
    assert "repository" in str(error)


def test_no_stack_table():
    assert refused("[layers.web]\n").code == "key-missing"


def test_broken_toml_keeps_the_parsers_line():
    error = refused('[stack]\nname = "x\n')

    assert error.code == "bad-toml"
    assert "line 2" in error.trouble.found


@pytest.mark.parametrize(
    "value",
    [
        "ext::sh -c touch% /tmp/x",
        "file:///srv/x",
        "ssh://-oProxyCommand=x/y",
        "--upload-pack=x",
        "git@-x:y",
        "git@host:-x",
        "http://host/x",
        "git://host/x",
        "fd::7",
        "host:path",
        "https://host/a\\nb",
        "https://user:word@host/x",
    ],
)
def test_repository_that_could_run_or_read_anything_is_refused(value):
    error = refused(changed('repository = "../thena"', f'repository = "{value}"'))

    assert error.code == "bad-name"
    assert "word" not in f"{error} {error.trouble.found}"


@pytest.mark.parametrize(
    ("value", "remote"),
    [
        ("https://host.example/a/b.git", True),
        ("ssh://git@host.example:2222/a.git", True),
        ("git@host.example:a/b.git", True),
        ("../a", False),
        ("/srv/a b", False),
        ("~/a", False),
        (".", False),
    ],
)
def test_usual_repositories_are_accepted(value, remote):
    text = changed('repository = "../thena"', f'repository = "{value}"')

    assert parse_project(text, Path("/p")).app("thena").remote is remote


@pytest.mark.parametrize(
    "value",
    ["-x", "a b", "a..b", "a\\u202eb", "a\\tb", "", "a~1", "a.lock", "@", "a@{1}", "/a", "a:b"],
)
def test_branch_that_is_no_branch_is_refused(value):
    assert refused(changed('branch = "main"', f'branch = "{value}"')).code == "bad-name"


@pytest.mark.parametrize("value", ["feature/x", "f#1", "v1.2", "\u00e9t\u00e9", "a@b", "x'y"])
def test_unusual_branches_are_accepted(value):
    text = changed('branch = "main"', f'branch = "{value}"')

    assert parse_project(text, Path("/p")).app("thena").branch == value


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('name = "thena"\ncook', 'name = "a b"\ncook'),
        ("root@203.0.113.7", "root@-x"),
        ("root@203.0.113.7", "-oProxyCommand=x"),
        ("root@203.0.113.7", "kitchen:../x"),
        ("port = 22", "port = 70000"),
        ('key = "path"', 'key = "-oX"'),
        ('cookbooks = ["../thena-infra"]', 'cookbooks = ["a\\u0000b"]'),
        ('domains = ["thena.example"]', 'domains = ["thena.example; }"]'),
        ('domains = ["thena.example"]', 'domains = ["-a.example"]'),
        ('health = "/"', 'health = "x"'),
        ('health = "/"', 'health = "/a b"'),
        ('entry = "wsgi:app"', 'entry = "wsgi:app(1)"'),
        ('health = "/"', 'packages = ["-o"]'),
        ('health = "/"', 'shared = ["../etc"]'),
        ('health = "/"', 'shared = ["/etc/"]'),
        ('health = "/"', 'static = {"static" = "x"}'),
        ('health = "/"', 'static = {"/a/../" = "x"}'),
        ('health = "/"', 'static = {"/s {/" = "x"}'),
        ('health = "/"', 'static = {"/s/" = "x;"}'),
        ('health = "/"', 'static = {"/s/" = ".git"}'),
        ('health = "/"', "build = {command = []}"),
        ('health = "/"', 'build = {command = ["x"], writes = ["../x"]}'),
        ('health = "/"', 'build = {command = ["x"], variables = ["A-B"]}'),
        ('root = "."', 'root = "../x"'),
        ('lock = "requirements.txt"', 'lock = "/etc/passwd"'),
        ('entry = "wsgi:app"', 'entry = "wsgi"'),
        ("answers = 3", "answers = 0"),
        ("answers = 3", "starts_within = 0"),
        ("processes = 2", "processes = -1"),
        ("FLASK_ENV =", '"FLASK-ENV" ='),
        ('FLASK_ENV = "production"', 'FLASK_ENV = "a\\u0000b"'),
        ('python = "3.11"', 'python = "2.7"'),
        ('setup = ["thena_infra"]', 'setup = ["../x"]'),
    ],
)
def test_name_that_could_not_be_used_is_refused(old, new):
    assert refused(changed(old, new)).code == "bad-name"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("apps.thena", "apps.Thena"),
        ("apps.thena", "apps.root"),
        ("apps.thena", "apps.a-name-of-twenty-five-char"),
        ("nodes.web1", 'nodes."-w"'),
        ("layers.web", "layers.w_b"),
    ],
)
def test_table_name_that_could_not_be_used_is_refused(old, new):
    assert refused(WHOLE.replace(old, new)).code == "bad-name"


@pytest.mark.parametrize("value", ["local", "kitchen:a-b", "web1", "me@[::1]", "deploy@h.example"])
def test_usual_addresses_are_accepted(value):
    text = changed("root@203.0.113.7", value)

    assert parse_project(text, Path("/p")).node("web1").address == value


def test_unknown_layer_names_nearest():
    error = refused(changed('layer = "web"\nkey', 'layer = "wbe"\nkey'))

    assert (error.code, error.trouble.hint) == ("unknown-layer", "did you mean 'web'?")


def test_variable_in_two_places_is_refused():
    error = refused(changed('FLASK_ENV = "production"', 'SECRET_KEY = "x"'))

    assert error.code == "variable-twice"


OTHER = """
[layers.{layer}]
[apps.arcs]
repository = "arcs.git"
layer = "{layer}"
domains = {domains}
"""


@pytest.mark.parametrize(
    ("domains", "code"),
    [
        ('["arcs.example"]', ""),
        ('["arcs.example", "{mine}"]', "domain-taken"),
    ],
)
def test_a_domain_is_one_apps_own(domains, code):
    (mine, *_) = parse_project(WHOLE, Path("/p")).app("thena").domains
    text = WHOLE + OTHER.format(layer="web", domains=domains.format(mine=mine))
    text = text.replace("\n[layers.web]\n[apps.arcs]", "\n[apps.arcs]")
    elsewhere = WHOLE + OTHER.format(layer="away", domains=domains.format(mine=mine))

    assert parse_project(elsewhere, Path("/p")).apps["arcs"].domains
    if not code:
        assert parse_project(text, Path("/p")).apps["arcs"].domains == ("arcs.example",)
        return
    error = refused(text)
    assert (error.code, error.trouble.place) == (
        code,
        f"toque.toml:{line(text, 'domains = [' + chr(34) + 'a')}",
    )
    assert mine in error.trouble.message
    assert "thena" in error.trouble.message


def test_only_one_app_of_a_layer_may_answer_to_every_name():
    apps = "".join(
        f'[apps.{name}]\nrepository = "{name}.git"\nlayer = "web"\n' for name in ("one", "two")
    )
    text = f'[stack]\nname = "s"\n[layers.web]\n{apps}'

    error = refused(text)

    assert error.code == "domain-missing"
    assert "one and two" in error.trouble.message
    assert parse_project(text + 'domains = ["two.example"]\n', Path("/p")).apps["two"].domains


def test_secret_written_into_the_file_is_refused_and_not_shown():
    error = refused(changed('SECRET_KEY = "generate"', 'SECRET_KEY = "hunter2"'))

    assert error.code == "bad-secret-source"
    assert "hunter2" not in str(error.trouble)


def test_unknown_node_and_app_name_nearest():
    project = parse_project(WHOLE, Path("/p"))

    with pytest.raises(AskedWrongly) as node:
        project.node("web2")
    with pytest.raises(AskedWrongly) as app:
        project.app("tena")

    assert (node.value.code, node.value.trouble.hint) == ("unknown-node", "did you mean 'web1'?")
    assert (app.value.code, app.value.trouble.hint) == ("unknown-app", "did you mean 'thena'?")


@pytest.mark.requirement("R19")
def test_project_is_found_from_a_sub_directory(tmp_path):
    (tmp_path / "toque.toml").write_text(WHOLE)
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)

    assert load_project(find_project(below)).directory == tmp_path.resolve()


@pytest.mark.requirement("R19")
def test_no_project_says_where_it_looked(tmp_path):
    with pytest.raises(AskedWrongly) as caught:
        find_project(tmp_path)

    assert caught.value.code == "no-project"
    assert caught.value.exit_status == 2
    assert str(tmp_path) in caught.value.trouble.found


def test_file_that_is_no_text(tmp_path):
    (tmp_path / "toque.toml").write_bytes(b"\xff\xfe")

    with pytest.raises(AskedWrongly) as caught:
        load_project(tmp_path / "toque.toml")

    assert caught.value.code == "file-unreadable"


def test_nesting_without_end_is_an_error_of_the_file():
    assert refused("x = " + "[" * 100_000).code == "bad-toml"


SCALARS = some.one_of(some.booleans(), some.integers(-9, 9), some.text(max_size=3), some.floats())
KEYS = some.sampled_from(
    ["stack", "name", "layers", "web", "nodes", "apps", "a", "env", "secrets", "database", "layer",
     "repository", "address", "attributes", "cookbooks", "requires", "setup", "kind", "port"]
)  # fmt: skip
TREES = some.recursive(
    SCALARS,
    lambda inner: some.lists(inner, max_size=2) | some.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None)
@given(some.dictionaries(KEYS, TREES, max_size=4))
def test_whatever_the_file_says_is_read_or_answered_with_a_code(tree):
    text = "\n".join(f"{key} = {toml(value)}" for key, value in tree.items())

    try:
        parse_project(text, Path("/p"))
    except AskedWrongly as error:
        assert error.trouble.place.startswith("toque.toml")


def toml(value):
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(toml(inner) for inner in value) + "]"
    if isinstance(value, float):
        return "nan" if value != value else str(value)  # noqa: PLR0124
    return json.dumps(value)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ('interface = "asgi"', "server-interface"),  # the example is served by uWSGI
    ],
)
def test_what_does_not_go_together_is_refused(line, code):
    assert refused(changed('branch = "main"', f'branch = "main"\n{line}')).code == code


def test_a_domain_belongs_to_one_app():
    app = '\n[apps.{}]\nrepository = "."\nlayer = "{}"\n'
    text = '[stack]\nname = "s"\n[layers.web]\n[layers.other]\n' + app.format("one", "web")
    shared = 'domains = ["shop.example", "{}.example"]'

    for both, code in ((shared, "domain-taken"), ("", "domain-missing")):
        two = text + both.format("a") + app.format("two", "{}") + both.format("b")
        error = refused(two.format("web"))
        assert error.code == code
        parse_project(two.format("other"), Path("/p"))  # on machines of its own


BALANCED = """
[layers.lb]
setup = ["balancer"]
configure = ["balancer"]
[nodes.lb1]
address = "root@203.0.113.9"
layer = "lb"
"""


def test_an_app_and_its_balancers_know_each_other():
    text = (WHOLE + BALANCED).replace("[apps.thena]\n", '[apps.thena]\nbalancer = "lb"\n', 1)
    project = parse_project(text, Path("/p"))

    app = project.app("thena")
    assert [node.name for node in project.balancers_of(app)] == ["lb1"]
    assert project.balanced_by(project.node("lb1")) == (app,)
    assert project.balanced_by(project.nodes_of(app)[0]) == ()


@pytest.mark.parametrize(
    ("layer", "code"),
    [("web", "balancer-is-member"), ("bare", "balancer-not-configured"), ("lbb", "unknown-layer")],
)
def test_a_balancer_that_cannot_be_is_refused(layer: str, code: str):
    text = (WHOLE + BALANCED + "\n[layers.bare]\n").replace(
        "[apps.thena]\n", f'[apps.thena]\nbalancer = "{layer}"\n', 1
    )

    assert refused(text).code == code
