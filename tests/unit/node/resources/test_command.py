import pytest

from toque.node.errors import NotReady, StepFailed
from toque.node.memory import MemorySystem
from toque.node.model import Action
from toque.node.resource import Invalid, differing
from toque.node.resources.command import Command
from toque.node.system import Result
from toque.node.values import Secret


class Machine(MemorySystem):
    """Keeps what environment each program was given; ``make`` makes a file."""

    def __init__(self, code=0):
        self.given = []
        self.inputs = []
        self.code = code
        super().__init__(
            programs={
                "make": self.make,
                "true": lambda argv, stdin, user: Result(argv, 0),
                "false": lambda argv, stdin, user: Result(argv, 1),
            }
        )
        self.put("/var/lib/x")

    def make(self, argv, stdin, user):
        self.inputs.append(stdin)
        self.put(argv[1])
        return Result(argv, self.code, b"out\n", b"password is hunter2\n")

    def run(self, argv, *, env=None, **rest):
        self.given.append(dict(env or {}))
        return super().run(argv, env=env, **rest)


def converge(resource, system):
    keys = differing(resource.wanted(), resource.found(system))
    if keys:
        resource.fix(system, keys)
        if resource.reads_back():
            assert differing(resource.wanted(), resource.found(system)) == frozenset()
    return keys


def test_a_command_runs_until_what_it_creates_is_there():
    system = Machine()
    wanted = Command(("make", "/made"), creates="/made")
    assert converge(wanted, system) == {"done"}
    assert converge(wanted, system) == frozenset()


def test_once_leaves_a_mark_after_success_only():
    system = Machine(code=1)
    wanted = Command(("make", "/x"), once="first import")
    with pytest.raises(StepFailed):
        converge(wanted, system)
    assert wanted.found(system) == {"done": False}
    system.code = 0
    assert converge(wanted, system) == {"done"}
    assert converge(wanted, system) == frozenset()
    assert converge(Command(("make", "/x"), once="second import"), system) == {"done"}


@pytest.mark.parametrize(
    ("guards", "done"),
    [
        ({"unless": ("true",)}, True),
        ({"unless": ("false",)}, False),
        ({"only_if": ("true",)}, False),
        ({"only_if": ("false",)}, True),
        ({"only_notified": True}, True),
        ({"always": True}, False),
    ],
)
def test_guards(guards, done):
    assert Command(("make", "/x"), **guards).found(Machine()) == {"done": done}


def test_a_notified_command_runs_by_its_verb():
    system = Machine()
    wanted = Command(("make", "/x"), name="build", only_notified=True)
    assert wanted.run == Action("command:build", "run")
    wanted.perform(system, "run")
    assert system.stat("/x") is not None


def test_secrets_reach_the_environment_and_nothing_else():
    system = Machine()
    wanted = Command(("make", "/x"), always=True, env={"PW": Secret("pw", "hunter2"), "A": "b"})
    wanted.validate()
    converge(wanted, system)
    assert system.given == [{"PW": "hunter2", "A": "b"}]
    assert all("hunter2" not in word for call in system.calls for word in call)


def test_the_environment_file_is_given_and_env_wins():
    system = Machine()
    system.put("/etc/x.env", b'A="from file"\nB="a\nb"\n')
    wanted = Command(("make", "/x"), always=True, environment_file="/etc/x.env", env={"A": "own"})
    converge(wanted, system)
    assert system.given == [{"A": "own", "B": "a\nb"}]


def test_a_missing_environment_file_is_not_ready():
    with pytest.raises(NotReady) as caught:
        converge(Command(("make", "/x"), always=True, environment_file="/no.env"), Machine())
    assert caught.value.code == "environment-file-missing"


def test_an_environment_file_with_two_readings_is_refused():
    system = Machine()
    system.put("/x.env", b"A=$HOME\n")
    with pytest.raises(StepFailed) as caught:
        converge(Command(("make", "/x"), always=True, environment_file="/x.env"), system)
    assert caught.value.code == "environment-file-bad"


@pytest.mark.parametrize(("sensitive", "shown"), [(False, True), (True, False)])
def test_a_failure_quotes_the_output_unless_it_is_sensitive(sensitive, shown):
    wanted = Command(("make", "/x"), always=True, sensitive_output=sensitive)
    with pytest.raises(StepFailed) as caught:
        converge(wanted, Machine(code=3))
    assert caught.value.code == "command-failed"
    assert ("password is hunter2" in caught.value.log) is shown


def test_a_guard_that_cannot_be_run_is_named():
    with pytest.raises(NotReady) as caught:
        Command(("make", "/x"), unless=("psql", "-c", "x")).found(Machine())
    assert caught.value.code == "guard-failed"
    assert "succeeds psql -c x" in caught.value.message


@pytest.mark.parametrize("stdin", ["pässword", "pässword".encode(), Secret("pw", "pässword")])
def test_what_it_reads_is_given_on_standard_input(stdin):
    system = Machine()
    wanted = Command(("make", "/x"), always=True, stdin=stdin)
    wanted.validate()
    converge(wanted, system)
    assert system.inputs == ["pässword".encode()]


def test_the_statuses_that_are_success_are_the_authors_to_say():
    converge(Command(("make", "/x"), always=True, returns=(0, 3)), Machine(code=3))
    with pytest.raises(StepFailed) as caught:
        converge(Command(("make", "/x"), always=True, returns=(3, 4)), Machine(code=0))
    assert (caught.value.expected, caught.value.found) == ("status 3 or 4", "0")


@pytest.mark.parametrize(("sensitive", "told"), [(False, True), (True, False)])
def test_output_is_told_while_it_comes_unless_it_is_sensitive(sensitive, told):
    system = Machine()
    converge(Command(("make", "/x"), always=True, sensitive_output=sensitive), system)
    assert ("password is hunter2" in system.progressed) is told


def test_the_id_is_readable_and_tells_long_commands_apart():
    assert Command(("alembic", "upgrade", "a b")).id == "command:alembic upgrade 'a b'"
    one, two = (Command(("x", "y" * 80 + end)).id for end in "12")
    assert one != two
    assert len(one) < 100


@pytest.mark.parametrize(
    "fields",
    [
        {"argv": ("x",)},
        {"argv": (), "always": True},
        {"argv": "rm -rf", "always": True},
        {"argv": ("x", Secret("s", "t")), "always": True},
        {"argv": ("x", 1), "always": True},
        {"argv": ("x\0",), "always": True},
        {"argv": ("x",), "always": True, "creates": "/y"},
        {"argv": ("x",), "creates": "relative"},
        {"argv": ("x",), "always": True, "cwd": "here"},
        {"argv": ("x",), "always": True, "env": {"A-B": "x"}},
        {"argv": ("x",), "always": True, "timeout_s": 0},
        {"argv": ("x",), "always": True, "returns": ()},
        {"argv": ("x",), "always": True, "returns": (256,)},
        {"argv": ("x",), "always": True, "stdin": 1},
    ],
)
def test_what_can_never_be_right_is_refused(fields):
    with pytest.raises(Invalid):
        Command(**fields).validate()
