from hypothesis import given
from hypothesis import strategies as st

from toque.cookbooks.transactions import mergeable, merged
from toque.node.resource import differing
from toque.node.resources.package import Package

PACKAGES = st.builds(
    lambda names, pins, absent: Package(
        *names, versions=dict.fromkeys(names & pins, "1"), absent=absent
    ),
    st.sets(st.sampled_from("abcd"), min_size=1),
    st.sets(st.sampled_from("abcd")),
    st.booleans(),
)


@given(PACKAGES, PACKAGES)
def test_merged_neighbours_want_what_both_wanted(first, second):
    if mergeable(first, second):
        both = merged(first, second).wanted()
        for side in (first, second):
            assert differing(side.wanted(), both) == frozenset()
        assert set(both) == set(first.wanted()) | set(second.wanted())


def test_neighbours_that_disagree_are_not_merged():
    one = Package("a", versions={"a": "1"})
    assert not mergeable(one, Package("a", versions={"a": "2"}))
    assert not mergeable(one, Package("b", absent=True))
    assert not mergeable(one, Package("b", recommends=True))
    assert mergeable(one, Package("b"))


def test_merging_keeps_answers_and_the_smaller_age():
    one = Package("a", answers={"a/x": "1"}, refresh_s=7200)
    two = Package("b", answers={"b/x": "2"}, refresh_s=3600)
    both = merged(one, two)
    assert (both.answers, both.refresh_s) == ({"a/x": "1", "b/x": "2"}, 3600)
    assert not mergeable(one, Package("b", answers={"a/x": "2"}))
    for other in ({"hold": True}, {"upgrade": True}):
        assert not mergeable(one, Package("b", **other))
