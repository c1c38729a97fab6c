"""A directory with all its files, made, put right and purged."""

import hashlib

import pytest

from toque.errors import BadCookbook
from toque.node.errors import StepFailed
from toque.node.memory import MemorySystem
from toque.node.resource import Invalid, differing
from toque.node.resources.tree import Tree
from toque.node.values import Blob
from toque.testing import compile_recipe

BINARY = b"\xff\x00" * 100
FILES = {
    "index.html": "<p>\n",
    "css/deep/a.css": "a {}\n",
    "bin/run": "#!/bin/sh\n",
    "x.png": BINARY,
}


def tree(**more):
    return Tree("/srv/www", **{"files": FILES, "executable": ("bin/run",), **more})


def apply(resource, system):
    """The keys that were fixed; a second look has to find nothing."""
    resource.validate()
    keys = differing(resource.wanted(), resource.found(system))
    if keys:
        resource.fix(system, keys)
    assert differing(resource.wanted(), resource.found(system)) == frozenset()
    return keys


@pytest.fixture
def system():
    return MemorySystem(files={"/srv/other": b""})


def below(system, top="/srv/www"):
    return {
        path[len(top) + 1 :]: (entry.kind, entry.owner, entry.mode)
        for path, entry in system.tree.items()
        if path.startswith(top)
    }


def test_all_of_it_is_made_with_owner_and_modes(system):
    assert "exists" in apply(tree(owner="app", group="web"), system)
    directory, file = ("directory", "app", 0o755), ("file", "app", 0o644)
    assert below(system) == {
        "": directory,
        "bin": directory,
        "css": directory,
        "css/deep": directory,
        "bin/run": ("file", "app", 0o755),
        "css/deep/a.css": file,
        "index.html": file,
        "x.png": file,
    }
    assert system.read("/srv/www/x.png") == BINARY


def test_executable_means_whoever_may_read(system):
    apply(tree(mode=0o640, directory_mode=0o750), system)
    assert below(system)["bin/run"][2] == 0o750
    assert below(system)["css"][2] == 0o750


@pytest.mark.parametrize(
    ("path", "data", "keys"),
    [
        ("index.html", b"other", {"content index.html"}),
        ("x.png", b"other", {"content x.png"}),
        ("x.png", b"\xfe\x00" * 100, {"content x.png"}),
        ("css/deep/a.css", b"\xff\x00", {"content css/deep/a.css"}),
    ],
)
def test_only_what_differs_is_written(system, path, data, keys):
    apply(tree(), system)
    system.tree[f"/srv/www/{path}"].data = data
    assert apply(tree(), system) == keys


def test_owner_and_mode_are_put_right_without_a_write(system):
    apply(tree(), system)
    system.chmod("/srv/www/bin/run", 0o644)
    system.chown("/srv/www/css", "app", None)
    system.remove("/srv/www/css/deep/a.css")
    assert apply(tree(), system) == {
        "access bin/run",
        "access css",
        "access css/deep/a.css",
        "content css/deep/a.css",
    }


def test_what_others_put_there_stays_without_purge_and_goes_with_it(system):
    apply(tree(), system)
    system.put("/srv/www/theirs", b"x")
    system.put("/srv/www/css/old/b.css", b"x")
    system.link("/srv/www/bin/way-out", "/srv")
    assert apply(tree(), system) == frozenset()

    declared = tree(purge=True)
    found = declared.found(system)
    assert found["surplus"] == ("theirs", "bin/way-out", "css/old")
    assert list(declared.show(found, frozenset({"surplus"}))) == [
        "- theirs",
        "- bin/way-out",
        "- css/old",
    ]
    assert apply(declared, system) == {"surplus"}
    assert set(below(system)) == {"", "bin", "css", "css/deep", *FILES}
    assert system.stat("/srv/other") is not None


def test_purge_of_an_empty_tree_empties_the_directory(system):
    system.put("/srv/www/a", b"x")
    apply(tree(files={}, executable=(), purge=True), system)
    assert set(below(system)) == {""}


@pytest.mark.parametrize("purge", [False, True])
@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/srv/www", "file"),
        ("/srv/www", "link"),
        ("/srv/www/css", "link"),
        ("/srv/www/css", "file"),
        ("/srv/www/x.png", "directory"),
        ("/srv/www/x.png", "link"),
    ],
)
def test_another_kind_in_its_place_is_refused(system, path, kind, purge):
    system.put(path, kind=kind, target="/etc")
    with pytest.raises(StepFailed) as failed:
        tree(purge=purge).found(system)
    assert failed.value.code == "wrong-kind"


def test_a_plan_shows_each_file_and_what_changes_in_it(system):
    declared = tree()
    assert "+ bin/run: root:root 0755" in declared.show(
        None, differing(declared.wanted(), declared.found(system))
    )
    apply(declared, system)
    system.tree["/srv/www/index.html"].data = b"<h1>\n"
    system.chmod("/srv/www/x.png", 0o600)
    found = declared.found(system)
    assert declared.show(found, differing(declared.wanted(), found)) == [
        "~ index.html: content",
        "@@ -1 +1 @@",
        "-<h1>",
        "+<p>",
        "~ x.png: root:root 0600 -> root:root 0644",
    ]


def test_blobs_are_compared_by_digest():
    data = b"\x7fELF" * 50
    blob = Blob(hashlib.sha256(data).hexdigest(), len(data))
    system = MemorySystem(files={"/srv/other": b""}, blobs={"b": data})
    apply(tree(files={"b": blob}, executable=("b",)), system)
    assert system.read("/srv/www/b") == data
    assert apply(tree(files={"b": blob}, executable=("b",)), system) == frozenset()


@pytest.mark.parametrize(
    "declared",
    [
        tree(files={"/a": "x"}, executable=()),
        tree(files={"../a": "x"}, executable=()),
        tree(files={"a/../b": "x"}, executable=()),
        tree(files={"": "x"}, executable=()),
        tree(files={".": "x"}, executable=()),
        tree(files={"a\n": "x"}, executable=()),
        tree(files={"a": 1}, executable=()),
        tree(files={"a": "x", "a/b": "x"}, executable=()),
        tree(executable=("nothing",)),
        tree(owner="0"),
        tree(mode=-1),
        Tree("/etc", {}, purge=True),
        Tree("/var/lib/toque", {}, purge=True),
        Tree("/", {}),
        Tree("srv", {}),
    ],
)
def test_declarations_that_can_never_be_right_are_refused(declared):
    with pytest.raises(Invalid):
        declared.validate()


@pytest.fixture
def book(tmp_path):
    """A cookbook with a directory ``pages`` among its files."""
    from toque.cookbooks.load import load

    files = tmp_path / "tree_book" / "files" / "pages" / "css"
    files.mkdir(parents=True)
    (files / "a.css").write_text("a {}\n")
    (files.parent / "run").write_text("#!/bin/sh\n")
    (files.parent / "run").chmod(0o755)

    def make(name):
        (tmp_path / "tree_book" / "__init__.py").write_text(
            "from toque import Cookbook, Tree\n\n\ndef configure(r):\n"
            f'    r.add(Tree("/srv/pages", *r.tree({name!r})))\n\n\n'
            'cookbook = Cookbook("tree_book", events={"setup": configure})\n'
        )
        return load(tmp_path)

    return make


def test_a_cookbook_gives_its_directory_with_executable_bits(book):
    made = compile_recipe(book("pages")).resource("tree:/srv/pages")
    assert made.files == {"css/a.css": b"a {}\n", "run": b"#!/bin/sh\n"}
    assert made.executable == ("run",)


def test_a_directory_that_is_not_there_names_the_nearest(book):
    with pytest.raises(BadCookbook) as failed:
        compile_recipe(book("page"))
    assert failed.value.code == "cookbook-file-missing"
    assert "pages" in failed.value.trouble.hint
