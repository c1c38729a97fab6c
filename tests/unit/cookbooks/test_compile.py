"""Recipes in, plan out: order, notifications, duplicates, and every mistake with its place."""

import textwrap
import threading

import pytest

from toque.cookbooks.compile import compile_plan
from toque.cookbooks.inputs import Inputs
from toque.cookbooks.load import load, load_all
from toque.errors import BadCookbook, ToqueError
from toque.fleet.app import App, Database
from toque.fleet.release import blank_release
from toque.node.model import Action, Facts, Guard
from toque.node.values import Secret
from toque.node.wire import plan_json
from toque.testing import compile_recipe


def refused(book, **inputs) -> ToqueError:
    with pytest.raises(BadCookbook) as caught:
        compile_recipe(book, **inputs)
    return caught.value


def at(number: int) -> str:
    """The place of the body's line ``number``, counted from 1."""
    return f"author_book/__init__.py:{22 + number}"


def test_steps_come_in_written_order_with_their_places(book):
    plan = compile_recipe(
        book(
            """\
            nginx = Service("nginx", running=True, enabled=True)
            r.add(Package("nginx-light", "git"))
            r.add(
                File("/etc/x", content=r.render("x.j2", a=a)), notify=nginx.reload,
                when=Guard("exists", "/etc"),
            )
            r.add(nginx)
            """,
            templates={"x.j2": "name {{ a.name }}\n"},
        ),
        attributes={"name": "other"},
    )

    assert plan.ids == ("package:nginx-light,git", "file:/etc/x", "service:nginx")
    file = plan.step("file:/etc/x")
    assert file.fields["content"] == "name other\n"
    assert file.notify == (Action("service:nginx", "reload"),)
    assert file.when == (Guard("exists", "/etc"),)
    assert [step.place for step in plan.plan.steps] == [at(2), at(3), at(7)]


def test_same_inputs_make_the_same_plan(book):
    made = book('r.add(File("/etc/x", content=r.node + r.facts.os + r.stack))')

    one = compile_recipe(made, node="n", stack="s", facts=Facts(os="debian"))
    two = compile_recipe(made, node="n", stack="s", facts=Facts(os="debian"))

    assert one.plan == two.plan
    assert one.step("file:/etc/x").fields["content"] == "ndebians"


def test_identical_duplicate_is_one_step_with_all_notifications(book):
    plan = compile_recipe(
        book(
            """\
            a, b = Service("a", running=True), Service("b", running=True)
            r.add(File("/x", content="1"), notify=a.restart)
            r.add(File("/x", content="1"), notify=[a.restart, b.restart])
            r.add(a)
            r.add(b)
            """
        )
    )

    assert plan.ids == ("file:/x", "service:a", "service:b")
    assert [x.target for x in plan.step("file:/x").notify] == ["service:a", "service:b"]


def test_different_duplicate_names_both_places_and_fields(book):
    error = refused(book('r.add(File("/x", content="1"))\nr.add(File("/x", content="2"))\n'))

    assert error.code == "duplicate-resource"
    assert error.exit_status == 3
    assert "content" in str(error)
    assert at(1) in error.trouble.expected
    assert at(2) in error.trouble.found
    assert error.trouble.place == at(2)


def test_duplicates_that_differ_in_a_secret_do_not_show_it(book):
    error = refused(
        book(
            'r.add(File("/x", content=Secret("a", "canary1"), mode=0o600))\n'
            'r.add(File("/x", content=Secret("b", "canary2"), mode=0o600))\n'
        )
    )

    assert error.code == "duplicate-resource"
    assert "canary" not in str(error.trouble)


def test_duplicate_with_another_guard_is_refused(book):
    error = refused(book('r.add(File("/x"))\nr.add(File("/x"), when=Guard("exists", "/y"))\n'))

    assert (error.code, "when" in str(error)) == ("duplicate-resource", True)


def test_dangling_notification_names_nearest(book):
    error = refused(
        book(
            """\
            r.add(File("/x"), notify=Service("ngin").reload)
            r.add(Service("nginx", running=True))
            """
        )
    )

    assert error.code == "dangling-notification"
    assert error.trouble.place == at(1)
    assert error.trouble.hint == "did you mean 'service:nginx'?"


def test_notification_backwards_names_both_places(book):
    error = refused(
        book(
            """\
            nginx = r.add(Service("nginx", running=True))
            r.add(File("/x"), notify=nginx.reload)
            r.add(nginx)
            """
        )
    )

    assert error.code == "notification-backwards"
    assert error.trouble.place == at(2)
    assert at(1) in error.trouble.found
    assert at(3) in error.trouble.found


def test_notification_of_itself_is_backwards(book):
    error = refused(book('s = Service("x", running=True)\nr.add(s, notify=Action(s.id, "reload"))'))

    assert error.code == "notification-backwards"


def test_unknown_verb_names_nearest(book):
    error = refused(
        book(
            """\
            r.add(File("/x"), notify=Action("service:nginx", "relaod"))
            r.add(Service("nginx", running=True))
            """
        )
    )

    assert (error.code, error.trouble.hint) == ("unknown-verb", "did you mean 'reload'?")


def test_verb_of_a_resource_without_verbs(book):
    error = refused(
        book('r.add(File("/x"), notify=Action("file:/y", "reload"))\nr.add(File("/y"))')
    )

    assert (error.code, error.trouble.expected) == ("unknown-verb", "no notification")


def test_bad_field_is_found_without_a_machine(book):
    error = refused(book('\nr.add(Package("No Such Name"))'))

    assert error.code == "bad-resource-field"
    assert error.trouble.place == at(2)
    assert "names" in str(error)


def test_value_that_cannot_travel_is_a_bad_field(book):
    error = refused(book('r.add(File("/x", content=object()))'))

    assert error.code == "bad-resource-field"
    assert error.trouble.place == at(1)


@pytest.mark.parametrize(
    "guard",
    [
        'Guard("exist", "/x")',
        'Guard("exists", "x")',
        'Guard("succeeds", "true")',
        'Guard("fails", [])',
        'Guard("fact", ["oss", "debian"])',
        'Guard("fails", ["x"], cwd="x")',
        'Guard("fails", ["x"], user="")',
        'Guard("fails", ["x"], timeout_s=0)',
        'Guard("fails", ["x"], env={"A-B": "x"})',
        'Guard("fails", ["x"], env={"A": 1})',
        'Guard("exists", "/x", user="app")',
        '"exists"',
    ],
)
def test_guard_that_no_node_could_read(book, guard):
    error = refused(book(f'r.add(File("/x"), when=[{guard}])'))

    assert (error.code, error.trouble.place) == ("bad-guard", at(1))


def test_a_secret_in_a_guard_travels_beside_the_plan(book):
    guard = 'Guard("succeeds", ["x"], user="app", env={"PW": Secret("pw", "hunter2")})'
    plan = compile_recipe(book(f'r.add(File("/x"), when={guard})'))

    assert plan.step("file:/x").when[0].env == {"PW": {"$secret": "pw"}}
    assert plan.secrets == {"pw": "hunter2"}
    assert "hunter2" not in repr(plan_json(plan.plan))


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ('return File("/x")', "File"),
        ('return [r.add(File("/x")), Package("p"), File("/y")]', "Package, File"),
        ('yield File("/x")', "a generator"),
    ],
)
def test_a_recipe_that_hands_resources_back_has_made_no_step_of_them(book, body, found):
    error = refused(book(body))

    assert (error.code, error.trouble.found) == ("resource-not-added", found)
    assert error.trouble.place == at(-1)  # the line with def
    assert error.trouble.hint.startswith("write r.add(")


def test_what_was_added_may_be_returned(book):
    assert compile_recipe(book('return r.add(File("/x"))')).ids == ("file:/x",)


def test_an_async_recipe_is_refused_without_a_warning(write, recwarn):
    text = """\
        from toque import Cookbook, Recipe

        async def setup(r: Recipe) -> None: ...

        cookbook = Cookbook("author_book", events={"setup": setup})
        """

    assert refused(load(write(text))).code == "resource-not-added"
    assert not recwarn.list


@pytest.mark.parametrize(
    ("body", "code", "found"),
    [
        ('r.add("nginx")', "not-a-resource", "str"),
        ("r.add(File)", "not-a-resource", "the class File"),
        ('r.add(File("/x"), notify=["service:x"])', "not-an-action", "'service:x'"),
        ('r.add(File("/x"), notify="nginx")', "not-an-action", "'nginx'"),
    ],
)
def test_only_resources_and_actions_are_taken(book, body, code, found):
    error = refused(book(body))

    assert (error.code, error.trouble.place) == (code, at(1))
    assert error.trouble.found == found


def test_a_field_that_there_is_not_names_the_nearest(book):
    error = refused(book('r.add(File("/x", contents=""))'))

    assert error.code == "recipe-raised"
    assert "did you mean 'content'?" in error.trouble.message


def test_neighbouring_packages_are_one_transaction(book):
    plan = compile_recipe(
        book(
            """\
            r.add(Package("a1"))
            r.add(Package("b1"))
            r.add(File("/x"))
            r.add(Package("c1"), when=Guard("missing", "/x"))
            r.add(Package("d1"))
            """
        )
    )

    assert plan.ids == ("package:a1,b1", "file:/x", "package:c1", "package:d1")
    assert plan.step("package:a1,b1").place == at(1)


def test_merging_never_makes_two_steps_of_one_name(book):
    plan = compile_recipe(
        book(
            'r.add(Package("a1"))\nr.add(Package("b1"))\n'
            'r.add(File("/x"))\nr.add(Package("a1", "b1"))'
        )
    )

    assert plan.ids == ("package:a1,b1", "file:/x")


def test_package_both_wanted_and_unwanted_is_refused(book):
    error = refused(book('r.add(Package("a1", "b1"))\nr.add(Package("b1", "c1", absent=True))'))

    assert error.code == "duplicate-resource"
    assert "b1" in str(error)


def test_a_package_held_at_one_place_and_not_at_another_is_refused(book):
    error = refused(book('r.add(Package("a1", hold=True))\nr.add(Package("a1", "b1", hold=False))'))

    assert error.code == "duplicate-resource"
    assert "another hold" in error.trouble.found


def test_a_hold_is_a_wish_only_where_it_is_declared(book):
    plan = compile_recipe(book('r.add(Package("a1"))\nr.add(Package("a1", "b1", hold=True))'))
    assert plan.ids == ("package:a1", "package:a1,b1")


def test_exception_in_a_recipe_names_place_and_last_lines(book):
    error = refused(book("x = 1\nboom = x / 0\n"))

    assert error.code == "recipe-raised"
    assert error.trouble.place == at(2)
    assert "ZeroDivisionError" in str(error)
    assert any("boom = x / 0" in line for line in error.trouble.log)
    assert not any("compile.py" in line for line in error.trouble.log)


def test_exception_inside_the_library_is_placed_in_the_cookbook(book):
    error = refused(book('\nimport json\njson.loads("{")\n'))

    assert (error.code, error.trouble.place) == ("recipe-raised", at(3))


def test_wrong_argument_of_a_resource_is_placed(book):
    error = refused(book('r.add(File("/x", contents="1"))'))

    assert (error.code, error.trouble.place) == ("recipe-raised", at(1))
    assert "contents" in str(error)


def test_recipe_does_not_end_the_process(book):
    assert refused(book("raise SystemExit(0)")).code == "recipe-raised"


def test_interrupt_is_not_a_cookbooks_mistake(book):
    with pytest.raises(KeyboardInterrupt):
        compile_recipe(book("raise KeyboardInterrupt"))


@pytest.mark.parametrize(
    "body",
    ["while True:\n    pass", "while True:\n    try:\n        r.node\n    except Exception: pass"],
)
def test_endless_loop_is_ended_and_placed(book, body):
    error = refused(book(body), limit_s=0.05)

    assert error.code == "recipe-too-slow"
    assert error.trouble.place.startswith("author_book/__init__.py:2")


def test_other_threads_compile_without_a_limit(book):
    made = book('r.add(File("/x"))')
    plans = []
    thread = threading.Thread(target=lambda: plans.append(compile_recipe(made)))

    thread.start()
    thread.join()

    assert plans[0].ids == ("file:/x",)


def test_unknown_attribute_names_nearest(book):
    error = refused(book("\nx = a.procesess"))

    assert error.code == "unknown-attribute"
    assert error.trouble.hint == "did you mean 'processes'?"
    assert error.trouble.place == at(2)


def test_unknown_attribute_of_a_nested_table(book):
    error = refused(book("x = a.pool.sise"))

    assert (error.code, error.trouble.hint) == ("unknown-attribute", "did you mean 'size'?")


def test_missing_attribute_of_something_else_is_the_recipes_own(book):
    assert refused(book("x = r.nodes")).code == "recipe-raised"


def test_app_outside_a_deploy_event_is_placed(book):
    error = refused(book("\nx = r.app"))

    assert (error.code, error.trouble.place) == ("no-app-here", at(2))


def test_secret_travels_beside_the_plan(book):
    plan = compile_recipe(
        book('r.add(File("/x", content=r.secret("thena/KEY"), mode=0o600))'),
        secrets={"thena/KEY": "canary"},
    )

    assert plan.secrets == {"thena/KEY": "canary"}
    assert plan.step("file:/x").fields["content"] == {"$secret": "thena/KEY"}
    assert "canary" not in f"{plan!r}"


def test_secret_only_looked_at_is_masked_too(book):
    plan = compile_recipe(book('r.secret("k")'), secrets={"k": "canary"})

    assert plan.secrets == {"k": "canary"}


def test_unknown_secret_names_nearest(book):
    error = refused(book('r.secret("thena/KYE")'), secrets={"thena/KEY": "x"})

    assert (error.code, error.trouble.hint) == ("unknown-secret", "did you mean 'thena/KEY'?")
    assert error.trouble.place == at(1)


def test_two_secrets_of_one_name_are_refused(book):
    error = refused(
        book(
            'r.add(File("/x", content=Secret("a", "1"), mode=0o600))\n'
            'r.add(File("/y", content=Secret("a", "2"), mode=0o600))\n'
        )
    )

    assert (error.code, error.trouble.place) == ("secret-name-clash", at(2))


def test_env_file_is_one_secret_and_its_members_are_masked(book):
    plan = compile_recipe(
        book(
            'text = r.env_file("env", {"B": r.secret("k"), "A": "x"})\n'
            'r.add(File("/e", content=text, mode=0o600))'
        ),
        secrets={"k": 'q"$'},
    )

    assert plan.secrets == {"k": 'q"$', "env": 'A="x"\nB="q\\"\\$"\n'}


def test_file_of_the_cookbook(book):
    made = book('r.add(File("/x", content=r.file("logo.bin")))', files={"logo.bin": b"\0\1"})

    assert compile_recipe(made).step("file:/x").fields["content"] == {"$bytes": "AAE="}


def test_missing_file_names_nearest(book):
    error = refused(book('r.file("logo.bim")', files={"logo.bin": b""}))

    assert (error.code, error.trouble.hint) == ("cookbook-file-missing", "did you mean 'logo.bin'?")
    assert error.trouble.place == at(1)


def test_file_outside_the_folder_is_missing(book):
    assert refused(book('r.file("../__init__.py")')).code == "cookbook-file-missing"


def test_included_recipe_runs_once_with_its_own_attributes_and_templates(write):
    write(
        """
        from dataclasses import dataclass
        from toque import Cookbook, File, Recipe

        @dataclass(frozen=True)
        class Site:
            port: int = 80

        def site(r: Recipe) -> None:
            a = r.attributes(Site)
            r.add(File("/site", content=r.render("x.j2", a=a)))

        cookbook = Cookbook("site_book", attributes=Site, events={"setup": site})
        """,
        name="site_book",
        templates={"x.j2": "port {{ a.port }}"},
    )
    base = write(
        """
        import site_book
        from toque import Cookbook, File, Recipe

        def setup(r: Recipe) -> None:
            r.include(site_book.site)
            r.include(site_book.site)
            r.add(File("/own", content=r.render("x.j2")))

        cookbook = Cookbook("own_book", events={"setup": setup})
        """,
        name="own_book",
        templates={"x.j2": "own"},
    )
    books = {c.name: c for c in load_all(base)}

    plan = compile_recipe(books["own_book"], attributes={"site_book": {"port": 8080}})

    assert plan.ids == ("file:/site", "file:/own")
    assert plan.step("file:/site").fields["content"] == "port 8080"
    assert plan.step("file:/own").fields["content"] == "own"
    assert plan.step("file:/site").place.startswith("site_book/__init__.py:")


def test_several_cookbooks_make_one_plan_in_their_order(write):
    text = textwrap.dedent(
        """
        from toque import Cookbook, File
        def setup(r):
            r.add(File("/NAME"))
        cookbook = Cookbook("NAME", events={"setup": setup})
        """
    )
    write(text.replace("NAME", "one_book"), name="one_book")
    books = {c.name: c for c in load_all(write(text.replace("NAME", "two_book"), name="two_book"))}

    plan = compile_plan(
        "setup x", [(books["two_book"], "setup"), (books["one_book"], "setup")], Inputs()
    )

    assert plan.ids == ("file:/two_book", "file:/one_book")
    assert plan.plan.name == "setup x"


def test_attributes_of_no_cookbook_are_refused(book):
    error = refused(
        book(
            """\
            @dataclass(frozen=True)
            class Lost:
                x: int = 1
            r.attributes(Lost)
            """
        )
    )

    assert (error.code, error.trouble.place) == ("attributes-without-cookbook", at(4))


def test_event_without_a_recipe_names_nearest(book):
    error = refused(book("pass"), event="setpu")

    assert (error.code, error.trouble.hint) == ("unknown-event", "did you mean 'setup'?")


def test_function_in_a_module_of_a_cookbook_is_compiled_as_its_recipe(write):
    made = load(
        write(
            "from toque import Cookbook\nfrom .more import extra\n"
            'cookbook = Cookbook("author_book", events={"setup": extra})\n',
            modules={"more.py": "from toque import File\ndef extra(r):\n    r.add(File('/m'))\n"},
        )
    )

    plan = compile_recipe(made.events["setup"])

    assert plan.step("file:/m").place == "author_book/more.py:3"


def test_nearest_step_is_named_for_a_test_that_asks_for_another(book):
    plan = compile_recipe(book('r.add(File("/etc/x"))'))

    with pytest.raises(KeyError, match="did you mean 'file:/etc/x'"):
        plan.step("file:/etc/y")


def test_resource_can_be_looked_at_with_its_secret(book):
    plan = compile_recipe(book('r.add(File("/x", content=Secret("a", "b"), mode=0o600))'))

    assert plan.resource("file:/x").content == Secret("a", "b")


def test_deploy_recipe_sees_app_release_and_environment(book):
    app = App(
        "thena",
        repository="https://host.example/x",
        layer="web",
        env={"A": "plain"},
        secrets={"KEY": "generate"},
        database=Database("things"),
    )
    made = book(
        """\
        values = r.environment()
        text = r.env_file("env", values)
        r.add(File(f"/etc/toque/{r.app.name}/{r.release.id}.env", content=text, mode=0o600))
        """
    )

    plan = compile_recipe(made, app=app)

    release = blank_release(app.name, "0" * 40)
    assert plan.ids == (f"file:/etc/toque/thena/{release.id}.env",)
    assert plan.secrets["thena/KEY"] == "secret-thena-KEY"
    assert 'A="plain"' in plan.secrets["env"]
    assert "postgresql://thena:secret-thena-password@/things" in plan.secrets["env"]
    assert "secret-thena" not in repr(plan)


def test_guard_on_a_fact_of_this_node_only(book):
    made = book('r.add(File("/x"), when=Guard("fact", ["rack", "r1"]))')

    plan = compile_recipe(made, facts=Facts(extra={"rack": "r2"}))

    assert plan.step("file:/x").when == (Guard("fact", ["rack", "r1"]),)
    assert refused(made, facts=Facts()).code == "bad-guard"
