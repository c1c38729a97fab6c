"""What has to be true of three machines: one passes visitors on to the other two."""


def test_visitors_are_answered_through_it(machines):
    answer = machines["lb"].http("/through")

    assert (answer.status, answer.text) == (200, "hello from /through")


def test_both_members_get_visitors(machines):
    for number in range(8):
        assert machines["lb"].http(f"/turn-{number}").status == 200

    for name in ("web1", "web2"):
        assert "/turn-" in machines[name].file("/var/log/nginx/many.access.log").text


def test_all_serve_the_same_release(machines):
    assert len({one.http("/commit").text for one in machines.values()}) == 1


def test_the_members_find_each_other_by_name(machines):
    found = machines["lb"].run("getent", "hosts", "web1").out

    assert machines["web1"].address in found
