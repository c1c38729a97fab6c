"""Reads encoded values back with the programs they are for, as root inside a throwaway machine.

    python3 -I -S format_readers.py FORMAT    < [[text, value], ...]

Standard library only.  ``text`` is the file that an encoder made of ``value``.  The last line
printed is a JSON list: for each the ``value`` that the program has read (None when it read none)
and the ``structure`` around it, which has to be that of a harmless value.
"""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time

SAID = "/run/said"  # what programs were given: one JSON file each
QUIET_S = 8  # without any news from cron, which starts its jobs within a second
DUMP = """#!/usr/bin/python3 -IS
import json, os, sys
words = [os.fsencode(word).decode("utf-8", "replace") for word in sys.argv[2:]]
environment = {n: os.fsencode(v).decode("utf-8", "replace") for n, v in os.environ.items()}
with open("/run/said/" + sys.argv[1] + ".new", "w") as file:
    json.dump([words, environment], file)
os.rename("/run/said/" + sys.argv[1] + ".new", "/run/said/" + sys.argv[1])
"""


def run(*argv, stdin=b"", env=None):
    """Status, output and errors of a program; status 255 for arguments that no program can have."""
    try:
        done = subprocess.run(argv, input=stdin, capture_output=True, cwd="/", env=env, timeout=120)
    except ValueError as error:  # NUL
        return 255, "", str(error)
    out, err = done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
    return done.returncode, out, err


def write(path, text, mode=0o644):
    with open(path, "wb") as file:
        file.write(text.encode("utf-8", "surrogatepass"))
    os.chmod(path, mode)


def fresh():
    shutil.rmtree(SAID, ignore_errors=True)
    os.mkdir(SAID)
    write("/usr/local/bin/said", DUMP, 0o755)


def said(name):
    """What one run of the dumping program was given; None when it did not run."""
    try:
        with open(f"{SAID}/{name}") as file:
            words, environment = json.load(file)
    except FileNotFoundError:
        return None
    return words, environment


def heard(number, environ=None):
    """The value and its neighbours, from the arguments or, with ``environ``, a variable."""
    found = said(number)
    if found is None:
        return None, "not run"
    words, environment = found
    names = sorted(n for n in environment if n[0] in "XI")
    if environ:
        return environment.get(environ), [words, names]
    return (words[0] if words else None), [len(words), words[-1:], names]


# --- nginx ---------------------------------------------------------------------------------------

NGINX = """daemon off; master_process off; pid /run/probe.pid; error_log stderr; events {}
http { access_log off; server { listen unix:/run/probe.sock;
location = /value { return 200 %s; }
location = /after { return 200 sentinel; } } }
"""


def nginx(pairs):
    """What a location answers; the locations around it."""
    for text, _ in pairs:
        write("/run/probe.conf", NGINX % text)
        status, _, words = run("nginx", "-t", "-c", "/run/probe.conf")
        if status != 0:
            yield None, words[-200:]
            continue
        with contextlib.suppress(FileNotFoundError):
            os.unlink("/run/probe.sock")
        server = subprocess.Popen(["nginx", "-c", "/run/probe.conf"], stderr=subprocess.DEVNULL)
        try:
            value = asked("/value")
            yield value[1], [value[0], asked("/after"), asked("/injected")[0]]
        finally:
            server.kill()
            server.wait()


def asked(path):
    deadline = time.monotonic() + 120
    while True:
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect("/run/probe.sock")
                connection.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
                answer = b"".join(iter(lambda: connection.recv(1 << 16), b""))
            head, _, body = answer.partition(b"\r\n\r\n")
            return head.split()[1].decode(), body.decode("utf-8", "replace")
        except (FileNotFoundError, ConnectionRefusedError):
            if time.monotonic() > deadline:
                raise


# --- systemd -------------------------------------------------------------------------------------

SHOWN = ("Description", "User", "Type", "RestartUSec", "ExecStartPre", "Documentation")


def units(pairs, unit, read):
    """Start a unit for each text, all at once; ``read`` takes a number and its properties."""
    fresh()
    names = [f"probe-{number}.service" for number in range(len(pairs))]
    for number, (text, _) in enumerate(pairs):
        write(f"/run/systemd/system/{names[number]}", unit(number, text))
    run("systemctl", "daemon-reload")
    run("systemctl", "start", *names)
    show = run("systemctl", "show", *(f"--property={p}" for p in SHOWN), *names)[1]
    blocks = show.rstrip("\n").split("\n\n")
    assert len(blocks) == len(names), (len(blocks), len(names))
    warnings = run("systemd-analyze", "verify", *(f"/run/systemd/system/{n}" for n in names))[2]
    for number, block in enumerate(blocks):
        found = dict(line.split("=", 1) for line in block.split("\n") if "=" in line)
        value, structure = read(number, found)
        found.pop("Description", None)
        yield value, [structure, found, warnings.count(names[number])]
    for name in names:
        os.unlink(f"/run/systemd/system/{name}")
    run("systemctl", "daemon-reload")


SERVICE = "[Service]\nType=oneshot\n%s\nRestartSec=7\n"


def unit_word(pairs):
    def unit(number, text):
        return SERVICE % f"ExecStart=/usr/local/bin/said {number} {text} last"

    return units(pairs, unit, lambda number, _: heard(number))


def unit_environment(pairs):
    def unit(number, text):
        return SERVICE % f"Environment={text} XLAST=y\nExecStart=/usr/local/bin/said {number} last"

    return units(pairs, unit, lambda number, _: heard(number, "X"))


def unit_line(pairs):
    def unit(number, text):
        service = SERVICE % f"ExecStart=/usr/local/bin/said {number} last"
        return f"[Unit]\nDescription={text}\nDocumentation=man:probe\n{service}"

    return units(pairs, unit, lambda number, found: (found.get("Description"), heard(number)[1]))


def environment(pairs):
    """What systemd and /bin/sh both read, and nothing when they differ."""
    for number, (text, _) in enumerate(pairs):
        write(f"/run/probe-{number}.env", text)

    def unit(number, _):
        start = f"ExecStart=/usr/local/bin/said {number} last"
        return SERVICE % f"EnvironmentFile=/run/probe-{number}.env\n{start}"

    def read(number, _):
        script = 'set -a; . "$1"; exec /usr/local/bin/said "$2" last'
        value, structure = heard(number, "X")
        run("/bin/sh", "-c", script, "sh", f"/run/probe-{number}.env", f"{number}-sh", env={})
        other = heard(f"{number}-sh", "X")
        return (value if other[0] == value else None), [structure, other[1]]

    return units(pairs, unit, read)


# --- uWSGI ---------------------------------------------------------------------------------------


def ini(pairs):
    """The configuration as uWSGI shows it after all replacements."""
    for text, _ in pairs:
        write("/run/probe.ini", f"[uwsgi]\nstrict = true\nprocname = {text}\nlisten = 7\n")
        argv = ("uwsgi-core", "--ini", "/run/probe.ini", "--show-config", "--no-server")
        status, out, err = run(*argv)
        _, _, shown = (out + err).partition("[uwsgi]\n")
        lines = shown.partition(";end of configuration")[0].split("\n")
        values = [line[11:] for line in lines if line.startswith("procname = ")]
        rest = [line for line in lines if not line.startswith("procname = ")]
        yield (values[0] if values else None), [status, len(values), rest]


# --- sudo ----------------------------------------------------------------------------------------


def sudoers(pairs):
    """Whether sudo allows the command with this argument, and what else it allows."""
    if run("id", "probe")[0] != 0:
        run("useradd", "probe")
    path = "/etc/sudoers.d/probe"

    def allowed(*argv):
        return run("sudo", "-n", "-U", "probe", "-l", *argv)[0] == 0

    for text, value in pairs:
        write(path, text, 0o440)
        checked = run("visudo", "--check", "--file", path)
        tree = json.loads(run("cvtsudoers", "--output-format=json", path)[1] or "{}")
        commands = [
            command.get("command")
            for spec in tree.get("User_Specs", [])
            for one in spec["Cmnd_Specs"]
            for command in one["Commands"]
        ]
        right = checked[0] == 0 and allowed("/usr/bin/printf", value)
        others = [
            allowed("/usr/bin/printf", value + "z"),
            allowed("/usr/bin/printf", "other"),
            allowed("/usr/bin/printf", *value.split(" "), "more"),
            allowed("/usr/bin/printf"),
            allowed("/usr/bin/id"),
        ]
        others += [allowed("/usr/bin/printf", *value.split()) and len(value.split()) > 1]
        yield (value if right else None), [checked[0], len(commands), others]
    os.unlink(path)


# --- cron ----------------------------------------------------------------------------------------


def cron(pairs, environ=None):
    """What a job that runs at cron's start is given.

    ``{number}`` in a text is that of its file; the job on the line behind it says that it ran too.
    """
    fresh()
    for number, (text, _) in enumerate(pairs):
        after = f"@reboot root /usr/local/bin/said after-{number} last\n"
        write(f"/etc/cron.d/probe-{number}", text.replace("{number}", str(number)) + after)
    with contextlib.suppress(FileNotFoundError):
        os.unlink("/run/crond.reboot")  # or it would be no reboot
    run("systemctl", "reset-failed", "cron")  # systemd counts starts, five in ten seconds
    assert run("systemctl", "restart", "cron")[0] == 0
    wanted = {f"{word}{number}" for number in range(len(pairs)) for word in ("", "after-")}
    count, grown = -1, time.monotonic()
    while not wanted <= set(os.listdir(SAID)) and time.monotonic() < grown + QUIET_S:
        if len(os.listdir(SAID)) != count:  # jobs of a broken file never come
            count, grown = len(os.listdir(SAID)), time.monotonic()
        time.sleep(0.05)
    for number in range(len(pairs)):
        value, structure = heard(number, environ)
        yield value, [structure, heard(f"after-{number}")[1][:2], os.path.exists(SAID + "/owned")]
        os.unlink(f"/etc/cron.d/probe-{number}")


def cron_variable(pairs):
    return cron(pairs, "X")


# --- PostgreSQL ----------------------------------------------------------------------------------


def postgres(query, path, before, after, pairs):
    """The rows of a view of the server's own reading of a file."""
    (version,) = os.listdir("/etc/postgresql")
    folder = f"/etc/postgresql/{version}/main/"
    run("pg_ctlcluster", version, "main", "start")
    kept = None
    if os.path.exists(folder + path):
        with open(folder + path, "rb") as file:
            kept = file.read()
    for text, _ in pairs:
        write(folder + path, before + text + after)
        psql = ["runuser", "-u", "postgres", "--", "psql", "--no-psqlrc", "-Atc", query]
        status, out, err = run(*psql)
        yield json.loads(out or "null") if status == 0 else [err]
    if kept is None:
        os.unlink(folder + path)
    else:
        with open(folder + path, "wb") as file:
            file.write(kept)


def pg_hba(pairs):
    query = (
        "SELECT json_agg(json_build_array(type, database, user_name, address, auth_method, error)"
        " ORDER BY line_number) FROM pg_hba_file_rules"
    )
    around = ("local all postgres peer\n", "local last last reject\n")
    for rows in postgres(query, "pg_hba.conf", *around, pairs):
        value = None
        for row in rows:
            if row and row[0] == "host" and row[1] and len(row[1]) == 1 and row[1] == row[2]:
                value, row[1], row[2] = row[1][0], "value", "value"
        yield value, rows


def pg_setting(pairs):
    query = (
        "SELECT json_agg(json_build_array(name, setting, error) ORDER BY seqno)"
        " FROM pg_file_settings WHERE sourcefile LIKE '%probe.conf'"
    )
    for rows in postgres(query, "conf.d/probe.conf", "", "probe.last = 1\n", pairs):
        value = None
        for row in rows or []:
            if row and row[0] == "probe.value":
                value, row[1] = row[1], "value"
        yield value, rows


# --- SSH -----------------------------------------------------------------------------------------


def authorized_keys(pairs):
    for text, _ in pairs:
        write("/run/probe.keys", text)
        status, out, _ = run("ssh-keygen", "-lf", "/run/probe.keys", env={"LC_ALL": "C.UTF-8"})
        found = [
            re.fullmatch(r"(\d+ SHA256:\S+) (.*) (\(\S+\))", line) for line in out.split("\n")[:-1]
        ]
        comment = found[0].group(2) if found and found[0] else None
        rest = [one and [one.group(1), one.group(3)] for one in found]
        yield ("" if comment == "no comment" else comment), [status, rest]


READERS = {
    reader.__name__: reader
    for reader in (
        nginx,
        unit_word,
        unit_environment,
        unit_line,
        environment,
        ini,
        sudoers,
        cron,
        cron_variable,
        pg_hba,
        pg_setting,
        authorized_keys,
    )
}

if __name__ == "__main__":
    read = [list(pair) for pair in READERS[sys.argv[1]](json.load(sys.stdin))]
    print(json.dumps(read))
