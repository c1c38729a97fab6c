"""Releases that replace each other under load, and one that must not."""

from __future__ import annotations

import pytest

from machine_site import Site

DEPLOYS = {"nspawn": 10, "chroot": 3}  # each about as long as the ten take with uWSGI alone


@pytest.mark.requirement("R10", "R37")
@pytest.mark.timeout(900)
def test_deploys_under_load_lose_no_request(site: Site):
    site.deploy()
    nginx = site.nginx()
    commits = []

    with site.load(rate_per_s=50) as result:
        for number in range(DEPLOYS[site.driver]):
            commits.append(site.commit({"CHANGES": f"release {number}\n"}))
            site.deploy()
            assert site.served() == commits[-1]

    account = result[0]
    print(f"{len(commits)} deploys, {account.requests} requests, {account.failed} failed, "
          f"p99 {account.p99_ms:.0f} ms")  # fmt: skip
    assert account.failures == ()
    assert (account.failed, account.truncated, account.wrong_body) == (0, 0, 0)
    assert account.requests > 100
    assert site.nginx() == nginx
    kept = site.json("releases", "thena")["nodes"][0]["releases"]
    assert len(kept) == 3  # keep = 3
    assert [r["id"] for r in kept if r["running"]] == [site.release]


@pytest.mark.requirement("R36")
def test_code_that_cannot_be_imported_is_a_failed_deploy(site: Site):
    site.deploy()
    good, release = site.head, site.release
    wsgi = (site.space.work / "wsgi.py").read_text()
    site.commit({"wsgi.py": "import no_such_module\n" + wsgi})

    with site.load(rate_per_s=50) as result:
        pushed = site.push()

    account = result[0]
    assert pushed.exit == 5, pushed.output
    assert pushed.code == "module-missing"
    assert "no_such_module" in pushed.output
    assert "goes on serving" in pushed.output
    assert account.failures == ()
    assert account.failed == 0
    assert account.requests > 20
    assert (site.served(), site.release) == (good, release)


@pytest.mark.requirement("R63")
def test_a_rollback_under_load_loses_no_request(site: Site):
    first = site.commit({"CHANGES": "to go back to\n"})
    site.deploy()
    site.commit({"CHANGES": "to go back from\n"})
    site.deploy()

    with site.load(rate_per_s=50) as result:
        site.ok("rollback", "thena")
        assert result == []
        assert site.served() == first

    assert result[0].failures == ()
    assert result[0].failed == 0


@pytest.mark.requirement("R48", "R50")
def test_an_exception_is_a_500_and_a_broken_body_is_seen_as_one(site: Site):
    import http.client

    site.deploy()

    assert site.http("/boom").status == 500
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        site.http("/late")
    assert site.http("/").status == 200
