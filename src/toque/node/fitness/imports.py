"""Why an app cannot be imported, in words of who has to mend it.  Pure."""

import re
import signal
from typing import Any, List, Mapping, Sequence, Tuple

from ..evidence import telling
from ..finding import Finding
from .libraries import distribution_of, package_with, removed_in
from .served import Served

MOST = 20  # lines of evidence
LIBRARY = re.compile(r"(lib[\w.+-]+\.so[\w.]*): cannot open shared object file")
MISFIT = re.compile(
    r"undefined symbol|invalid ELF header|wrong ELF class|GLIBC(XX)?_[\d.]+' not found|"
    r"file too short|module compiled against (ABI|API)|Exec format error|"
    r"numpy\.(dtype|ufunc) size changed"
)
WRITES = re.compile(r"unable to open database file|attempt to write a readonly database")
REQUIRED = re.compile(r"^([A-Za-z_]\w*)\n\s+(?:Field required|field required)", re.M)


def import_findings(app: Mapping[str, Any], served: Served) -> List[Finding]:
    """What stands between the app and its server: nothing, one thing, rarely two."""
    report = app["told"]
    if report is None:
        return [_silent(app, served)]
    if "broken" in report:
        return []
    if not report["original"]:
        return [_daemon(app)]
    if report["entry"] is not None:
        return [_entry(report["entry"], served)]
    if report["error"] is not None:
        return [_error(report, app["log"], served)]
    found: List[Finding] = []
    spoken = report.get("interface", "")
    if spoken and served.interface and spoken != served.interface:
        found.append(_interface(spoken, served))
    return found


# --- it did not come to an end --------------------------------------------------------------------


def _silent(app: Mapping[str, Any], served: Served) -> Finding:
    log: Sequence[str] = app["log"]
    place = place_in(log, served.code)
    if app["late"]:
        return Finding(
            "import-hangs",
            "refuse",
            "importing the app does not come to an end",
            _stack(log),
            place,
            "move what waits (a loop, a sleep, a server, a connection) into a function that is "
            "called after the import",
        )
    status = app["status"] or 0
    if status & 0x7F:
        return _killed(status & 0x7F, log, place)
    if app["left"]:
        return _daemon(app)
    return _exits(status >> 8, tuple(log[-MOST:]), place)


def _killed(number: int, log: Sequence[str], place: str) -> Finding:
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    if name == "SIGKILL":
        return Finding(
            "memory-short",
            "refuse",
            "importing the app was killed, as the kernel does with what needs too much memory",
            tuple(log[-MOST:]),
            help="dmesg | tail",
            certain=False,
        )
    return Finding(
        "import-crashes",
        "refuse",
        f"the Python process crashes while it imports the app ({name})",
        _stack(log),
        place,
        "an extension module is at fault: look at the innermost lines, and at its version",
    )


def _daemon(app: Mapping[str, Any]) -> Finding:
    return Finding(
        "app-daemonizes",
        "refuse",
        "the app puts itself into the background while it is imported, away from its server",
        tuple(f"process {one['pid']}: {one['command']}" for one in app["left"][:5]),
        help="remove the daemonizing: the server and systemd look after the process",
    )


def _exits(status: int, evidence: Tuple[str, ...], place: str) -> Finding:
    return Finding(
        "import-exits",
        "refuse",
        f"the app ends its own process while it is imported, with status {status}",
        evidence,
        place,
        "raise an exception that says what is wrong, instead of exiting",
    )


def place_in(log: Sequence[str], code: str) -> str:
    """The innermost place in the app's own code of a stack that faulthandler wrote."""
    for line in log:
        found = re.match(r'\s*File "([^"]+)", line (\d+)', line)
        if found and found[1].startswith(f"{code}/") and "/site-packages/" not in found[1]:
            return f"{found[1][len(code) + 1 :]}:{found[2]}"
    return ""


def _stack(log: Sequence[str]) -> Tuple[str, ...]:
    """The innermost lines of such a stack, without ours and those of the import system."""
    quiet = ("<rehearsal>", "<frozen importlib", 'File "<string>"', "importlib/__init__.py")
    kept = [line for line in log if not any(word in line for word in quiet)]
    at = next((n for n, line in enumerate(kept) if "most recent call first" in line), None)
    return tuple(kept[-MOST:] if at is None else kept[max(0, at - 2) : at + MOST])


# --- the entry point ------------------------------------------------------------------------------


def _entry(entry: Mapping[str, Any], served: Served) -> Finding:
    module, _, name = served.entry.partition(":")
    others = [f"{module}:{other}" for other in entry["others"]]
    also = f'entry = "{others[0]}" under [apps.{served.app}]' if others else ""
    evidence = (f"{module} has: {', '.join(others)}",) if others else ()
    if entry["problem"] == "missing":
        message = f"the module {module} has no {name.replace('()', '')}"
        return Finding(
            "entry-missing", "refuse", message, evidence, help=also or _name_entry(served)
        )
    if entry["problem"] == "factory":
        return Finding(
            "entry-not-an-app",
            "refuse",
            f"{served.entry} is a function that makes an app, not an app",
            evidence,
            help=f'entry = "{served.entry}()" under [apps.{served.app}]',
        )
    if entry["problem"] == "factory-arguments":
        return Finding(
            "entry-not-an-app",
            "refuse",
            f"{served.entry} needs other arguments than a server calls an app with",
            evidence,
            help=f"call it in a module of its own (wsgi.py: app = {name}(...)), and name that one "
            "as entry",
        )
    return Finding(
        "entry-not-an-app",
        "refuse",
        f"{served.entry} cannot be called, so it is no app",
        evidence,
        help=also or _name_entry(served),
    )


def _name_entry(served: Served) -> str:
    return f'entry = "MODULE:CALLABLE" under [apps.{served.app}] in toque.toml'


def _interface(spoken: str, served: Served) -> Finding:
    help = 'server = "uvicorn"' if spoken == "asgi" else 'server = "gunicorn"'
    if served.server == "granian":  # it can do both, and has to be told
        help = f'interface = "{spoken}"'
    return Finding(
        "interface-mismatch",
        "refuse",
        f"{served.entry} speaks {spoken.upper()}, and {served.server} is set up here to call it "
        f"by {served.interface.upper()}",
        help=f"{help} under [apps.{served.app}]",
    )


# --- an exception ---------------------------------------------------------------------------------


def _error(report: Mapping[str, Any], log: Sequence[str], served: Served) -> Finding:
    error = report["error"]
    bases = error["bases"]
    evidence = tuple(telling(error["trace"])[-MOST:])
    place = error["place"]
    if "SystemExit" in bases:
        return _exits(error["status"], (*log[-8:], *evidence[-8:]), place)
    variable = _variable(error, report["missing"])
    if variable:
        return Finding(
            "variable-missing",
            "refuse",
            f"the app needs the variable {variable}, which is not set",
            evidence,
            place or report["missing"].get(variable, ""),
            served.set_variable(variable),
        )
    if "SyntaxError" in bases:
        return Finding(
            "syntax-error",
            "refuse",
            f"Python {report['python']} cannot read the code: {_one_line(error['message'])}",
            (error["line"],) if error["line"] else evidence,
            place or error["file"],
            f"python -m compileall . with Python {_minor(report['python'])}, or the version that "
            f'it is written for: python = "3.x" under [apps.{served.app}]',
        )
    if "ImportError" in bases or LIBRARY.search(error["message"]):  # ctypes raises OSError
        return _not_imported(error, report["python"], evidence, served)
    return _other(error, bases, evidence, served)


def _variable(error: Mapping[str, Any], missing: Mapping[str, str]) -> str:
    """The variable whose lack was the cause, when the exception says so."""
    message = error["message"]
    required = REQUIRED.search(message)  # pydantic's settings
    if required:
        return str(required[1].upper())
    words = set(re.findall(r"\w+", message))
    named = [name for name in missing if name in words and name.upper() == name]
    return named[-1] if named else ""


def _not_imported(
    error: Mapping[str, Any], python: str, evidence: Tuple[str, ...], served: Served
) -> Finding:
    message, place = error["message"], error["place"]
    both = message + " " + error.get("cause", {}).get("message", "")
    library = LIBRARY.search(both)
    if library:
        package = package_with(library[1])
        return Finding(
            "library-missing",
            "refuse",
            f"the system library {library[1]} is not installed",
            evidence,
            place,
            f'Package("{package}") in the setup recipe; at once: apt-get install {package}'
            if package
            else f"apt-file search {library[1]}",
            certain=True,
        )
    if error["built_for"] or MISFIT.search(both):
        return Finding(
            "wheel-mismatch",
            "refuse",
            "a package was built for another Python or machine: " + _one_line(message),
            (*(f"there is: {name}" for name in error["built_for"]), *evidence),
            place,
            f"lock a version that has a wheel for Python {_minor(python)} on this machine",
        )
    if "ModuleNotFoundError" not in error["bases"]:
        return Finding(
            "import-failed",
            "refuse",
            f"the app cannot be imported: {_one_line(message)}",
            evidence,
            place,
            "look at the place named; is the version in the lock the one that you work with?",
        )
    name = error["name"]
    module = served.entry.partition(":")[0]
    if name and (module == name or module.startswith(f"{name}.")):
        return Finding(
            "entry-missing",
            "refuse",
            f"there is no module {name} in {served.code.rpartition('/releases/')[2] or 'the app'}",
            help=f"{_name_entry(served)}; root, when the app is in a folder",
        )
    gone = removed_in(name)
    if gone and tuple(map(int, _minor(python).split("."))) >= gone:
        return Finding(
            "python-mismatch",
            "refuse",
            f"{name} is no longer a part of Python {_minor(python)}",
            evidence,
            place,
            f'python = "{gone[0]}.{gone[1] - 1}" under [apps.{served.app}], or a newer version of '
            "what imports it",
        )
    package = distribution_of(name)
    return Finding(
        "module-missing",
        "refuse",
        f"there is no module {name}: nothing in the lock brings it",
        evidence,
        place,
        f"add {package} to the app's requirements and lock again",
    )


def _other(
    error: Mapping[str, Any], bases: Sequence[str], evidence: Tuple[str, ...], served: Served
) -> Finding:
    said, place = f"{error['type']}: {_one_line(error['message'])}", error["place"]
    file, number = error["file"], error["errno"]
    inside = file == served.code or file.startswith(f"{served.code}/")
    if (("PermissionError" in bases or number == 30) and inside) or WRITES.search(said):
        return Finding(
            "code-read-only",
            "refuse",
            "the app writes beside its own code, which it may not: " + said,
            evidence,
            place,
            f"write below {served.shared}, which stays from release to release",
            certain=inside,
        )
    if "OSError" in bases and number == 98:  # EADDRINUSE
        return Finding(
            "port-opened",
            "refuse",
            "the app opens a port by itself while it is imported, and the port is taken",
            evidence,
            place,
            'call run() only under if __name__ == "__main__": the app server listens',
        )
    if "Can't load plugin: sqlalchemy.dialects:" in said:
        return Finding(
            "database-url-wrong",
            "refuse",
            f"SQLAlchemy knows no such scheme of a database's URL: {said}",
            evidence,
            place,
            'postgresql:// or postgresql+psycopg:// (scheme = "..." under '
            f"[apps.{served.app}.database]); postgres:// is an old name",
        )
    help = "look at the place named"
    if "FileNotFoundError" in bases:
        help = "is the file committed?  Paths that are relative start at the app's folder"
    if "MemoryError" in bases:
        return Finding("memory-short", "refuse", f"not enough memory: {said}", evidence, place)
    return Finding(
        "import-failed",
        "refuse",
        f"the app cannot be imported: {said}",
        evidence,
        place,
        help,
    )


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 300 else f"{line[:300].rpartition(' ')[0]} ..."


def _minor(python: str) -> str:
    return ".".join(python.split(".")[:2])
