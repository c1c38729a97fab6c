"""Resource types that a cookbook brings itself: from its folder into the plan, and from there."""

import subprocess
import sys

import pytest

from toque.adapters.shipping import runtime
from toque.cookbooks.load import load
from toque.errors import BadCookbook
from toque.node.engine import walk
from toque.node.journal import MemoryJournal
from toque.node.memory import MemorySystem
from toque.node.resources import TYPES, types_of
from toque.node.wire import digest, plan_from, plan_json
from toque.testing import compile_recipe

COOKBOOK = """
from toque import Cookbook, Recipe
from .resources.banner import Banner


def setup(r: Recipe) -> None:
    r.add(Banner("/etc/issue", "Be kind."))


cookbook = Cookbook("motd", events={"setup": setup})
"""
BANNER = '''
from dataclasses import dataclass
from typing import ClassVar, FrozenSet, Optional

from toque.node.errors import StepFailed
from toque.node.resource import Invalid, Resource, State
from toque.node.system import System


@dataclass(frozen=True)
class Banner(Resource):
    """The greeting in a file, in a frame."""

    path: str
    text: str

    kind: ClassVar[str] = "motd.banner"

    def validate(self) -> None:
        if "\\n" in self.text:
            raise Invalid("text", "one line", self.text)

    def wanted(self) -> State:
        return {"text": self.text}

    def found(self, system: System) -> Optional[State]:
        try:
            return {"text": system.read(self.path).decode().strip("* \\n")}
        except FileNotFoundError:
            return None

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        if self.text == "fail":
            raise StepFailed("banner-failed", "no such luck")
        system.write(self.path, f"*** {self.text} ***\\n".encode())
'''


@pytest.fixture
def motd(write):
    """``motd(COOKBOOK, BANNER)`` -> the cookbook."""

    def make(cookbook=COOKBOOK, banner=BANNER, file="resources/banner.py"):
        top = write(cookbook, name="motd")
        (top / "motd" / file).parent.mkdir(exist_ok=True)
        (top / "motd" / file).write_text(banner)
        (top / "motd" / file).with_name("other.py").write_text("")
        for name in [n for n in sys.modules if n.split(".")[0] == "motd"]:
            del sys.modules[name]  # an earlier text of it
        return load(top)

    return make


def refused(cookbook):
    with pytest.raises(BadCookbook) as caught:
        compile_recipe(cookbook)
    assert caught.value.code == "bad-resource-type"
    return caught.value.trouble


def converge(plan, system, check=False):
    (outcome,) = walk(
        plan, system, types_of(plan), journal=MemoryJournal(), secrets={}, check=check
    )
    return outcome


def test_the_text_travels_in_the_plan_and_works_there(motd):
    made = compile_recipe(motd())
    plan = plan_from(plan_json(made.plan))
    system = MemorySystem()
    system.put("/etc/hostname")

    assert made.ids == ("motd.banner:/etc/issue",)
    assert plan.types == {"motd.banner": BANNER}
    assert [converge(plan, system, check).status.value for check in (True, False, False)] == [
        "would-change",
        "changed",
        "ok",
    ]
    assert system.read("/etc/issue") == b"*** Be kind. ***\n"


def test_a_failure_of_such_a_type_is_a_failure_like_any_other(motd):
    plan = compile_recipe(motd(COOKBOOK.replace("Be kind.", "fail"))).plan
    system = MemorySystem(files={"/etc/hostname": b""})

    assert converge(plan, system).trouble["code"] == "banner-failed"


def test_another_text_is_another_plan_and_without_such_types_nothing_is_added(motd):
    one = compile_recipe(motd()).plan
    other = compile_recipe(motd(banner=BANNER.replace("***", "+++"))).plan
    usual = compile_recipe(
        motd(
            COOKBOOK.replace("Banner(", "File(")
            .replace("import Cookbook", "import Cookbook, File")
            .replace('"Be kind."', 'content="x"')
        )
    ).plan

    assert digest(one) != digest(other)
    assert "types" not in plan_json(usual)
    assert types_of(usual) is TYPES


def test_a_wrong_field_is_told_as_for_any_type(motd):
    with pytest.raises(BadCookbook) as caught:
        compile_recipe(motd(COOKBOOK.replace("kind.", "\\n")))

    assert (caught.value.code, caught.value.trouble.expected) == ("bad-resource-field", "one line")


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ('"motd.banner"', '"banner"', "kind = 'banner'"),
        ('"motd.banner"', '"file"', "kind = 'file'"),
        ("from typing", "import click\nfrom typing", "click"),
        ("from typing", "import tomllib\nfrom typing", "tomllib"),
        ("from typing", "from toque import File\nfrom typing", "toque"),
        ("from typing", "from toque.errors import Failed\nfrom typing", "toque.errors"),
        ("from typing", "from . import other\nfrom typing", "."),
        ("        if ", "        match 1:\n            case _: pass\n        if ", "3.10"),
    ],
)
def test_what_a_node_could_not_load_is_refused_with_its_place(motd, old, new, found):
    trouble = refused(motd(banner=BANNER.replace(old, new, 1)))

    assert found in trouble.found
    assert trouble.place.startswith("motd/")


def test_a_class_that_stands_elsewhere_is_refused(motd):
    inside = COOKBOOK.replace("from .resources.banner", "from .banner")

    assert "COOKBOOK/resources/NAME.py" in refused(motd(inside, file="banner.py")).expected


def test_a_type_of_ours_that_was_inherited_from_is_refused(motd):
    banner = "from toque.node.resources.file import File\nclass Banner(File):\n    pass\n"
    trouble = refused(motd(COOKBOOK.replace('"Be kind."', 'content="x"'), banner))

    assert trouble.found.startswith("kind = 'file'")


def test_a_text_that_breaks_on_the_node_is_named(motd):
    plan = compile_recipe(
        motd(banner=BANNER + "\nif __name__.startswith('toque_own'): 1 / 0\n")
    ).plan
    outcome = converge(plan, MemorySystem())

    assert outcome.trouble["code"] == "own-type-failed"
    assert "ZeroDivisionError" in outcome.trouble["found"]
    assert any("1 / 0" in line for line in outcome.trouble["log"])  # the author's own line


def test_on_a_node_toque_node_is_the_shipped_package_itself(motd, tmp_path):
    """Where the package is called toque_node: errors and classes have to be the same ones."""
    (tmp_path / "runtime.zip").write_bytes(runtime().data)
    (tmp_path / "banner.py").write_text(BANNER + "\nfrom toque.node.inits import choose\n")
    program = f"""
import sys
sys.path.insert(0, {str(tmp_path / "runtime.zip")!r})
from toque_node.model import Plan, Step
from toque_node.resources import types_of
from toque_node import errors, resource
text = open({str(tmp_path / "banner.py")!r}).read()
types = types_of(Plan("p", (), {{"motd.banner": text}}))
banner = types["motd.banner"]
assert issubclass(banner, resource.Resource)
assert sys.modules[banner.__module__].StepFailed is errors.StepFailed
assert banner is types["motd.banner"] and "file" in types
copies = [n for n, m in sys.modules.items() if n.startswith("toque.node.")
          and m is not sys.modules["toque_node" + n[len("toque.node"):]]]
assert not copies, copies
"""
    subprocess.run([sys.executable, "-W", "error", "-I", "-S", "-c", program], check=True)
