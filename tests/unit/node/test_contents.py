from toque.node.contents import bytes_at, text_at
from toque.node.memory import MemorySystem


def test_a_file_is_told_as_it_is_and_a_missing_one_as_none():
    system = MemorySystem(files={"/etc/f": b"a\xff\n"})

    assert bytes_at(system, "/etc/f") == b"a\xff\n"
    assert text_at(system, "/etc/f") == "a\N{REPLACEMENT CHARACTER}\n"
    assert (bytes_at(system, "/etc/no"), text_at(system, "/no/file")) == (None, None)
