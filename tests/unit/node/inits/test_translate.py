import json
import re
import shlex
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toque.node.inits import foreground, launch
from toque.node.inits.translate import Untranslatable, quote, translate
from toque.node.inits.unitfile import parse


def service(*lines, enabled=True):
    text = "\n".join(("[Service]", "ExecStart=/bin/true", *lines))
    return translate("toy.service", parse(text), enabled=enabled)


def setting(conf, name):
    return re.search(rf"(?m)^{name}=(.*)$", conf).group(1)


def as_supervisor_reads(text):
    """Its config parser drops comments after a blank, expands %, then splits with shlex."""
    return shlex.split(re.split(r"\s[;#]", text)[0].replace("%%", "%"))


@given(st.lists(st.text(st.sampled_from("ab %;#'\"\\$\t="), max_size=8), min_size=1))
def test_supervisor_reads_the_quoted_arguments(argv):
    assert as_supervisor_reads(quote(argv)) == argv


def test_a_line_break_in_a_command_is_refused():
    with pytest.raises(Untranslatable, match="line break"):
        quote(["a\nb"])


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("Restart=always", "autorestart", "true"),
        ("Restart=on-failure", "autorestart", "unexpected"),
        ("Restart=no", "autorestart", "false"),
        ("Restart=no", "startretries", "0"),
        ("KillSignal=SIGINT", "stopsignal", "INT"),
        ("TimeoutStopSec=1min 5s", "stopwaitsecs", "65"),
        ("TimeoutStopSec=infinity", "stopwaitsecs", "86400"),
        ("", "stopwaitsecs", "90"),
    ],
)
def test_directives_become_settings(line, name, value):
    assert setting(service(line).conf, name) == value


def test_enabled_is_autostart():
    assert setting(service(enabled=True).conf, "autostart") == "true"
    assert setting(service(enabled=False).conf, "autostart") == "false"


def test_what_cannot_be_kept_is_named():
    lines = ("ProtectSystem=strict", "PrivateTmp=yes", "Type=notify", "KillSignal=SIGRTMIN+3")
    assert set(service(*lines).lost) == {
        "ProtectSystem",
        "PrivateTmp",
        "Type=notify",
        "KillSignal=SIGRTMIN+3",
    }


@pytest.mark.parametrize(
    "line",
    [
        "ExecStart=",
        "ExecStart=/bin/second",
        "ExecStartPre=/bin/echo %n",
        "ExecStartPre=/bin/echo $HOME",
        "ExecStartPre=+/bin/echo",
        "ExecStartPre=echo",
        "ExecStartPre=/bin/a ; /bin/b",
        "WorkingDirectory=%h",
        "RuntimeDirectory=../etc",
        "RuntimeDirectory=/etc",
        "UMask=rwx",
        "Environment=1=x",
        "TimeoutStopSec=soon",
        "Type=forking",
        "Type=oneshot",
    ],
)
def test_what_would_change_the_meaning_is_refused(line):
    with pytest.raises(Untranslatable):
        service(line)


def test_a_forking_unit_has_its_own_code():
    with pytest.raises(Untranslatable) as caught:
        service("Type=forking")
    assert caught.value.code == "no-foreground-command"


@pytest.mark.parametrize(
    ("line", "signal", "command"),
    [
        ("ExecReload=/bin/kill -HUP $MAINPID", "HUP", ()),
        ("ExecReload=kill -s SIGUSR1 ${MAINPID}", "USR1", ()),
        ("ExecReload=/usr/bin/tell $MAINPID", "", ("/usr/bin/tell", "$MAINPID")),
        ("", "", ()),
    ],
)
def test_reload_is_a_signal_or_a_command(line, signal, command):
    made = service(line)
    assert (made.reload_signal, made.reload_command) == (signal, command)


@pytest.mark.parametrize("name", ["nginx", "ssh", "cron", "postgresql"])
def test_every_foreground_unit_translates(name):
    clusters = {"/etc/postgresql": ["9.6", "15"], "/etc/postgresql/15": ["main"]}
    text = foreground.known(f"{name}.service", lambda path: clusters.get(path, []))
    made = translate(f"{name}.service", parse(text), enabled=True)
    assert made.lost == ()
    assert "%(" not in made.conf


def test_the_newest_cluster_is_meant():
    listing = {"/etc/postgresql": ["9.6", "15"]}
    text = foreground.known("postgresql.service", lambda path: listing.get(path, ["main"]))
    assert "/usr/lib/postgresql/15/bin/postgres" in text


def test_without_a_cluster_there_is_no_foreground_postgresql():
    assert foreground.known("postgresql.service", lambda path: []) == ""


def test_the_launcher_gives_exactly_the_declared_environment(tmp_path):
    launcher = tmp_path / "launch"
    launcher.write_text(launch.TEXT)
    (tmp_path / "app.env").write_text('SECRET="a \\$b\nc"\nn="1"\n')
    report = "import json,os,sys; print(json.dumps([sys.argv[1:], dict(os.environ), os.getcwd()]))"
    out = tmp_path / "out"
    unit = parse(
        "[Service]\n"
        'Environment="GREETING=a b"\n'
        f"EnvironmentFile={tmp_path}/app.env\n"
        "EnvironmentFile=-/nowhere/at/all\n"
        f"WorkingDirectory={tmp_path}\n"
        f"ExecStartPre=/bin/sh -c 'echo \"$$1\" >{out}' sh before\n"
        "ExecStartPre=-/bin/false\n"
        f'ExecStart={sys.executable} -I -c "{report}" \'c ;d\' 100%% ""\n'
    )
    argv = as_supervisor_reads(setting(translate("t.service", unit, enabled=True).conf, "command"))
    argv = [os_word if os_word != launch.PATH else "/bin/sh" for os_word in argv]
    argv.insert(argv.index("/bin/sh") + 1, str(launcher))
    done = subprocess.run(argv, capture_output=True, check=True, env={"LEAK": "no", "PWD": "/"})
    words, environment, cwd = json.loads(done.stdout)
    environment.pop("LC_CTYPE", None)  # python sets it for itself
    assert words == ["c ;d", "100%", ""]
    assert cwd == str(tmp_path)
    assert out.read_text() == "before\n"
    assert environment == {
        "GREETING": "a b",
        "LANG": "C.UTF-8",
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "SECRET": "a $b\nc",
        "n": "1",
    }


def test_a_failing_command_before_the_service_ends_it(tmp_path):
    launcher = tmp_path / "launch"
    launcher.write_text(launch.TEXT)
    argv = launch.arguments(
        user="", group="", cwd="/", umask="0022", runtime=[], runtime_mode="0755", keep=False,
        environment_files=[], before=[(False, ["/bin/sh", "-c", "exit 4"])], command=["/bin/echo"],
    )  # fmt: skip
    done = subprocess.run(["/bin/sh", str(launcher), *argv[1:]], capture_output=True, env={})
    assert done.returncode == 4
    assert b"ended with status 4" in done.stderr
    assert done.stdout == b""
