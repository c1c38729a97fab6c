"""One resource at a time: what of Chef's means what of Toque's."""

from __future__ import annotations

import ast
import re

import pytest

from toque.chef.carried import Carried
from toque.chef.carry import carry

ATTRIBUTES = """
default['shop']['name'] = 'thena'
default['shop']['dir'] = '/srv/www/'
default['shop']['options'] = '--quick --all'
default['shop']['on'] = true
default['shop']['port'] = 80
default['shop']['nothing'] = nil
default['shop']['names'] = %w(a b)
default['shop']['hosts']['x']['port'] = 1
"""


def imported(recipe: str, attributes: str = ATTRIBUTES, **more: str) -> Carried:
    files = {
        "metadata.rb": b"name 'shop'\n",
        "attributes/default.rb": attributes.encode(),
        "recipes/default.rb": recipe.encode(),
        **{name: text.encode() for name, text in more.items()},
    }
    return carry(files, "shop")


def code(recipe: str, **more: str) -> str:
    """The body of the recipe, on one line."""
    carried = imported(recipe, **more)
    text = carried.files["shop/default.py"].decode().partition("-> None:\n")[2]
    text = text.replace("    a = r.attributes(Shop)\n", "")
    return re.sub(r",\s*\)", ")", re.sub(r"\s+", " ", text)).replace("( ", "(").strip()


def left(recipe: str, **more: str) -> list[tuple[str, str]]:
    return [(one.place, one.reason) for one in imported(recipe, **more).left]


@pytest.mark.parametrize(
    ("chef", "toque"),
    [
        ("package 'x'", 'r.add(Package("x"))'),
        ("package %w(x y)", 'r.add(Package("x", "y"))'),
        ("package node['shop']['names']", "r.add(Package(*a.names))"),
        ("apt_package 'x' do version '1.*' end", 'r.add(Package("x", versions={"x": "1.*"}))'),
        ("package 'x' do action :upgrade end", 'r.add(Package("x", upgrade=True))'),
        ("directory '/x/' do recursive true end", 'r.add(Directory("/x", parents=True))'),
        ("directory node['shop']['dir']", "r.add(Directory(normpath(a.dir)))"),
        ("directory '/x' do mode '700' end", 'r.add(Directory("/x", mode=0o700))'),
        (
            "directory '/x' do action :delete; recursive true end",
            'r.add(Directory("/x", absent=True, recursive=True))',
        ),
        ("file '/x'", 'r.add(File("/x", content="", create_only=True))'),
        ("file '/x' do content 'y' end", 'r.add(File("/x", content="y"))'),
        ("file 'z' do path '/x'; action :delete end", 'r.add(File("/x", absent=True))'),
        ("link '/x' do to '/y' end", 'r.add(Link("/x", "/y"))'),
        ("log \"on #{node['shop']['port']}\"", 'r.add(Log(f"on {a.port}"))'),
        ("user 'x' do supports manage_home: true end", 'r.add(User("x", make_home=True))'),
        ("group 'x' do members 'y' end", 'r.add(Group("x", members=("y"), append=False))'),
        ("group 'x' do members %w(y); append true end", 'r.add(Group("x", members=("y")))'),
        ("service 'x' do action :enable end", 'r.add(Service("x", enabled=True))'),
        (
            "service 'x' do action :restart end",
            'r.add(Command(("systemctl", "restart", "x"), always=True))',
        ),
        (
            "execute 'ls -l \"/a b\"'",
            'r.add(Command(("ls", "-l", "/a b"), name=\'ls -l "/a b"\', timeout_s=3600,'
            " always=True))",
        ),
        (
            "execute 'x' do creates '/y' end",
            'r.add(Command(("x"), timeout_s=3600, creates="/y"))',
        ),
        (
            "file '/x' do content 'y'; not_if { ::File.exist?('/z') } end",
            'r.add(File("/x", content="y"), when=Guard("missing", "/z"))',
        ),
        (
            "package 'x' do only_if 'test -f /z', user: 'u'; retries 2 end",
            'r.add(Package("x"), when=Guard("succeeds", ("test", "-f", "/z"), user="u"),'
            " retries=2)",
        ),
        ("package 'x' if node['shop']['on']", 'if a.on: r.add(Package("x"))'),
        ("package 'x' unless node['shop']['on']", 'if not a.on: r.add(Package("x"))'),
        ("package 'x' if node['shop']['nothing']", 'if a.nothing is not None: r.add(Package("x"))'),
        ("package 'x' if node['shop']['name'] == 'y'", 'if a.name == "y": r.add(Package("x"))'),
        ("package 'x' if platform_family?('debian')", 'r.add(Package("x"))'),
        ("package 'x' if platform?('ubuntu')", 'if r.facts.os == "ubuntu": r.add(Package("x"))'),
        (
            "node['shop']['hosts'].each do |name, host| log \"#{name} #{host['port']}\" end",
            "for name, host in a.hosts.items(): r.add(Log(f\"{name} {host['port']}\"))",
        ),
        (
            "git '/x' do repository 'https://forge.example/x'; revision 'main' end",
            'r.add(Git("/x", "https://forge.example/x", "refs/heads/main", user="root"))',
        ),
        (
            "cron 'my job' do minute 5; command '/bin/x y' end",
            'r.add(Cron("my-job", "5 * * * *", ("/bin/x", "y")))',
        ),
    ],
)
def test_resources(chef: str, toque: str):
    assert code(chef) == toque
    assert left(chef) == []


@pytest.mark.parametrize(
    ("chef", "reason"),
    [
        ("execute 'a && b'", "a shell line (&)"),
        ("execute 'cd /x'", "a shell line (cd)"),
        ("execute 'A=1 b'", "a shell line (A=1)"),
        ("execute 'ls *.txt'", "a shell line (*)"),
        ("execute \"x #{node['shop']['options']}\"", "a shell would divide a.options"),
        ("execute 'x' do login true end", "a login's environment"),
        ("package 'x' do options '--force' end", "package with options"),
        ("package 'x' do ignore_failure true end", "package with ignore_failure"),
        ("file '/x' do mode 644 end", "the mode 644, which Ruby reads as decimal"),
        ("file 'x' do content 'y' end", "the path 'x', which is not absolute"),
        ("template '/x' do source 'y.erb' end", "there is no templates/y.erb"),
        ("user 'x' do password '$6$abc' end", "a password's hash is a secret"),
        ("remote_file '/x' do source 'https://x.example' end", "no checksum"),
        ("git '/x' do repository 'https://x.example'; revision 'v1' end", "the revision v1"),
        ("file '/x' do content 'y'; only_if { foo } end", "a guard with code of its own"),
        ("package node['shop']['none']", "node['shop']['none'] has no default"),
        ("package node['ipaddress']", "no counterpart for node['ipaddress']"),
        ("node.default['x'] = 1", "sets an attribute while recipes run"),
        ("package 'x' do\n  notifies :run, 'execute[y]'\nend", "execute[y] is not carried over"),
        ("ruby_block 'x' do\n  block { y }\nend", "Ruby of its own"),
        ("my_own_thing 'x'", "there is no type my_own_thing here"),
        ("include_recipe 'other'", "the cookbook other is not in this repository"),
    ],
)
def test_what_is_listed(chef: str, reason: str):
    ((place, found),) = left(chef)

    assert place.startswith("recipes/default.rb:")
    assert reason in found
    assert f"# TODO(chef): {place}: {found}" in imported(chef).files["shop/default.py"].decode()


def test_target_of_a_notification_moves_behind_who_notifies_it():
    recipe = """
service 'x' do action [:enable, :start] end
file '/a' do content '1'; notifies :reload, 'service[x]' end
file '/b' do content '2'; notifies :restart, 'service[x]', :immediately end
log 'last'
"""
    assert code(recipe) == (
        'r.add(File("/a", content="1"), notify=Service("x").reload) '
        'r.add(File("/b", content="2"), notify=Service("x").restart) '
        'r.add(Service("x", running=True, enabled=True)) '
        'r.add(Log("last"))'
    )
    notes = {one.reason for one in imported(recipe).notes}
    assert "stands behind line 4 now, which notifies it" in notes
    assert ":immediately is answered where service[x] stands" in notes


def test_subscription_is_a_notification_from_the_other_side():
    recipe = """
file '/a' do content '1' end
execute 'tidy' do action :nothing; subscribes :run, 'file[/a]' end
"""
    assert code(recipe) == (
        'r.add(File("/a", content="1"), notify=Action("command:tidy", "run")) '
        'r.add(Command(("tidy"), timeout_s=3600, only_notified=True))'
    )


def test_resources_that_notify_each_other_are_listed():
    recipe = """
execute 'a' do action :nothing; notifies :run, 'execute[b]' end
execute 'b' do action :nothing; notifies :run, 'execute[a]' end
"""
    assert {reason for _, reason in left(recipe)} == {
        "resources that notify each other in a circle"
    }


def test_service_in_two_recipes_is_declared_once():
    carried = imported(
        "service 'x' do action :enable end\ninclude_recipe 'shop::b'",
        **{"recipes/b.rb": "service 'x' do action :start end"},
    )

    text = carried.files["shop/default.py"].decode()
    assert 'Service("x", enabled=True, running=True)' in text
    assert "Service" not in carried.files["shop/b.py"].decode().partition("def ")[2]


def test_second_declaration_with_other_words_is_listed():
    ((place, reason),) = left("file '/x' do content '1' end\nfile '/x' do content '2' end")

    assert place == "recipes/default.rb:2"
    assert "is declared before, with other words" in reason


def test_case_of_systems_leaves_the_others_in_the_list():
    recipe = """
case node['platform']
when 'debian'
  package 'a'
when 'ubuntu'
  package 'b'
when 'centos'
  package 'c'
else
  package 'd'
end
"""
    assert code(recipe) == (
        'if r.facts.os == "debian": r.add(Package("a")) else: r.add(Package("b"))'
    )
    assert sorted(left(recipe)) == [
        ("recipes/default.rb:10", "for other systems than Debian and Ubuntu"),
        ("recipes/default.rb:8", "for other systems than Debian and Ubuntu"),
    ]


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (
            "default['shop']['a'] = 1\noverride['shop']['a'] = 2\nnormal['shop']['a'] = 3",
            "a: int = 2",
        ),
        ("default['shop']['a'] = 1\ndefault['shop']['a'] = 2", "a: int = 2"),
        (
            "default['shop']['a'] = 'x'\ndefault['shop']['b'] = \"#{node['shop']['a']}/y\"",
            'b: str = "x/y"',
        ),
        ("default[:shop][:my_key] = [1, 2]", "my_key: tuple[int, ...] = (1, 2)"),
        ("default['shop']['my-key'] = nil", "my_key: str | None = None"),
        ("default['shop']['class'] = true", "class_: bool = True"),
        (
            "case node['platform_family']\nwhen 'debian'\n  default['shop']['a'] = 1\nend",
            "a: int = 1",
        ),
        (
            "if node['platform'] == 'centos'\n  default['shop']['a'] = 1\n"
            "else\n  default['shop']['a'] = 2\nend",
            "a: int = 2",
        ),
    ],
)
def test_attributes_by_precedence(text: str, field: str):
    made = imported("", attributes=text).files["shop/attributes.py"].decode()

    assert f"    {field}\n" in made


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("default['shop']['a'] = node['hostname']", "a value that differs from machine to machine"),
        ("default['shop']['a'] = foo(1)", "no counterpart for foo"),
        ("default['shop'][node['x']] = 1", "an attribute whose name is computed"),
        ("default['shop']['a'] = [1, 'x']", "a list of several types"),
        ("default['other']['a'] = 1", "nothing in this repository reads node['other']"),
        ("default['platform'] = 1", "node['platform'] is what a machine is, not a setting"),
        ("x = 1", "no assignment of an attribute"),
    ],
)
def test_attributes_that_are_listed(text: str, reason: str):
    ((place, found),) = left("", attributes=text)

    assert (place, found) == ("attributes/default.rb:1", reason)


def test_private_key_is_never_copied():
    key = "-----BEGIN OPENSSH " + "PRIVATE KEY-----\nx\n"
    carried = imported("cookbook_file '/k' do source 'k' end", **{"files/k": key})

    assert not any(b"PRIVATE KEY" in data for data in carried.files.values())
    assert {one.file for one in carried.left} == {"recipes/default.rb", "files/k"}


def test_data_bags_are_named_and_not_read():
    carried = imported("", **{"data_bags/users/anna.json": '{"password": "hunter2"}'})

    assert ("data_bags/users/anna.json", "not read: it may hold secrets") in [
        (o.place, o.reason) for o in carried.left
    ]
    assert not any(b"hunter2" in data for data in carried.files.values())


def test_attribute_that_two_cookbooks_set_is_listed():
    carried = carry(
        {
            "web/metadata.rb": b"name 'web'",
            "web/attributes/default.rb": b"default['db']['port'] = 1\n",
            "web/recipes/default.rb": b"log \"#{node['db']['port']}\"",
            "db/metadata.rb": b"name 'db'",
            "db/attributes/default.rb": b"default['db']['port'] = 2\n",
            "db/recipes/default.rb": b"",
        },
        "repository",
    )

    assert [(one.place, one.reason) for one in carried.left] == [
        ("web/attributes/default.rb:1", "db sets it, too: Cookbook(sets=...) or toque.toml")
    ]
    assert b"db_a.port" in carried.files["web/default.py"]
    assert b"port: int = 2" in carried.files["db/attributes.py"]


def test_service_that_a_condition_wants_otherwise_is_listed():
    recipe = """
service 'x' do action [:enable, :start] end
if node['shop']['on']
  service 'x' do action :stop end
end
"""
    assert left(recipe) == [
        ("recipes/default.rb:4", "service[x] is declared elsewhere, with other words")
    ]


def test_suite_of_several_cookbooks_has_a_layer_of_its_own():
    carried = imported(
        "package 'x'",
        **{
            "other/metadata.rb": "name 'other'",
            "other/recipes/default.rb": "package 'y'",
            ".kitchen.yml": "suites:\n- name: all\n  run_list: ['recipe[shop]', 'recipe[other]']\n",
        },
    )

    assert b'[layers.suite-all]\nsetup = ["shop", "other"]' in carried.files["toque.toml"]
    assert b'layer = "suite-all"' in carried.files["kitchen.toml"]


@pytest.mark.parametrize(
    "recipe",
    [
        "execute 'e' do action :nothing end\napt_update 'x' do notifies :run, 'execute[e]' end",
        "service 'x' do action :start end\nservice 'x' do action :enable; only_if 'true' end",
    ],
)
def test_what_nothing_stands_for_loses_no_notification_and_no_guard(recipe: str):
    ((place, _),) = left(recipe)

    assert place == "recipes/default.rb:2"


def test_nothing_in_a_cookbook_becomes_code():
    carried = imported(
        "# a comment\rimport os\nfoo 'x\r\nimport os' do end\ntemplate '/x' do source 'x.erb'; "
        "variables(class: 1) end",
        **{
            "metadata.rb": 'name \'a"""\nimport os\n\\\'',
            "attributes/default.rb": "default['\"\"\"\\\\']['x'] = 1",
            "templates/x.erb": "<%= @class %>",
        },
    )

    for name, data in carried.files.items():
        if name.endswith(".py"):
            tree = ast.parse(data)
            assert "import os" not in ast.unparse(tree).replace(ast.get_docstring(tree) or "", "")


def test_job_of_upstart_with_more_than_a_unit_has_is_left():
    job = "exec /bin/x\nexpect fork\n"

    ((first, _), (second, _)) = left(
        "template '/etc/init/x.conf' do source 'x.erb' end", **{"templates/x.erb": job}
    )

    assert {first, second} == {"recipes/default.rb:1", "templates/x.erb:1-2"}


def test_variable_of_a_job_that_is_not_known_is_named_in_the_unit():
    job = "env A=<%= node['deploy']['x'] %>\nexec /bin/x\n"
    carried = imported(
        "template '/etc/init/x.conf' do source 'x.conf.erb' end", **{"templates/x.conf.erb": job}
    )

    unit = carried.files["shop/templates/x.service.j2"].decode()
    assert "# TODO(chef): templates/x.conf.erb:1: node['deploy']['x'] is OpsWorks's own" in unit
    assert "ExecStart=/bin/x" in unit


def test_recipe_that_no_event_runs_is_named():
    carried = imported(
        "include_recipe 'shop::used'",
        **{"recipes/used.rb": "package 'x'", "recipes/alone.rb": "package 'y'"},
    )

    assert [(o.place, o.reason) for o in carried.notes if "no event" in o.reason] == [
        ("recipes/alone.rb", "no event runs it: include it, or make it an event in __init__.py")
    ]


def test_loop_of_which_nothing_is_left_stays_python_in_a_branch_that_is_decided():
    recipe = """
case node['platform_family']
when 'debian'
  node['shop']['names'].each do |name|
    ruby_block name
  end
end
"""
    text = imported(recipe).files["shop/default.py"].decode()

    compile(text, "default.py", "exec")
    assert "        pass\n" in text
