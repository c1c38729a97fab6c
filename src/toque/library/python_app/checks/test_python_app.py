"""What has to be true of a machine after this cookbook's setup, before anything is deployed."""


def test_the_app_and_its_deploys_are_users_of_their_own(machine):
    app, deploys = machine.user("bare"), machine.user("bare-deploy")

    assert app.uid != deploys.uid
    assert app.uid != 0
    assert deploys.uid != 0


def test_releases_are_not_the_apps_to_write(machine):
    releases = machine.file("/srv/www/bare/releases")

    assert releases.kind == "directory"
    assert releases.owner != "bare"
    assert not releases.mode & 0o022


def test_what_the_app_keeps_is_its_own(machine):
    shared = machine.file("/srv/www/bare/shared")

    assert shared.owner == "bare"


def test_variables_are_in_a_folder_of_roots(machine):
    variables = machine.file("/etc/toque/apps/bare")

    assert variables.owner == "root"
    assert not variables.mode & 0o022


def test_git_and_uv_are_there(machine):
    assert machine.run("git", "--version").code == 0
    assert machine.run("/usr/local/lib/toque/uv", "--version").code == 0
