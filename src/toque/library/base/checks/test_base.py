"""Nobody gets in by a password, the administrator does by a key, and nothing reboots by itself."""


def sshd_says(machine):
    asked = ("sshd", "-T", "-C", "user=root,host=localhost,addr=127.0.0.1")
    return machine.run(*asked).out.splitlines()


def test_no_password_lets_anybody_in(machine):
    said = sshd_says(machine)

    assert "passwordauthentication no" in said
    assert not {"kbdinteractiveauthentication yes", "challengeresponseauthentication yes"} & {*said}


def test_root_gets_in_by_key_alone(machine):
    assert {"permitrootlogin without-password", "pubkeyauthentication yes"} <= {*sshd_says(machine)}


def test_sshd_offers_keys_and_nothing_else(machine):
    tried = ("ssh", "-v", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "localhost")
    said = machine.run(*tried, "true", check=False).err

    assert "Authentications that can continue: publickey\n" in said.replace("\r", "")


def test_sshd_runs(machine):
    assert machine.service("ssh").running


def test_the_journal_has_a_limit(machine):
    shown = machine.run("systemd-analyze", "cat-config", "systemd/journald.conf").out

    assert "\nSystemMaxUse=500M\n" in shown


def test_security_updates_come_by_themselves_and_reboot_nothing(machine):
    said = machine.run("apt-config", "dump").out

    assert 'APT::Periodic::Unattended-Upgrade "1";' in said
    assert 'Unattended-Upgrade::Automatic-Reboot "false";' in said
    origins = [line for line in said.splitlines() if "Origins-Pattern:: " in line]
    assert origins
    assert all("label=Debian-Security" in line for line in origins)


def test_the_program_that_updates_reads_the_same(machine):
    said = machine.run("unattended-upgrade", "--dry-run", "--verbose")
    allowed = [line for line in (said.out + said.err).splitlines() if "Allowed origins" in line]

    assert len(allowed) == 1
    assert allowed[0].count("origin=") == allowed[0].count("label=Debian-Security") == 2


def test_the_clock_is_kept(machine):
    assert machine.service("systemd-timesyncd").enabled


def test_needrestart_restarts_nothing(machine):
    assert "$nrconf{restart} = 'l';" in machine.file("/etc/needrestart/conf.d/toque.conf").text


def test_time_zone_and_locale(machine):
    assert machine.run("date", "+%Z").out == "UTC\n"
    assert "LANG=C.UTF-8" in machine.run("cat", "/etc/default/locale").out  # a link on Debian 13
