"""Runs the cases of one resource type on the machine it is on, as root, and prints what came of it.

    python3 -I -S case_runner.py ZIP KIND    (tests/machine/test_resources.py sends both)

Standard library only, like the runtime: it goes to the machine as it is.  Each case is a function
of ``tests/cases/KIND.py`` and is given a ``Node``; the last line printed is a JSON object of case
names to ``ok`` or a traceback.
"""

import contextlib
import hashlib
import importlib
import json
import os
import subprocess
import sys
import traceback
from dataclasses import fields


class Node:
    """This machine, through the engine's own walk, and by hand."""

    def __init__(self, tree):
        self.tree = tree  # a directory that is empty when a case begins
        for name in (
            "engine",
            "facts",
            "journal",
            "model",
            "programs",
            "realsystem",
            "resources",
            "values",
            "wire",
        ):
            setattr(self, "_" + name, importlib.import_module("toque_node." + name))
        self.facts = self._facts.gather()

    # --- what a case says of a resource ----------------------------------------------------------

    def makes(self, resource, notify=()):
        """Check mode tells the change and makes none, apply makes it, another apply finds nothing.

        Returns the outcome of the apply.  What a plan shows and what an apply shows is the same.
        """
        before = self.found(resource)
        planned = self.walk(resource, check=True)
        assert planned.status.value == "would-change", planned
        assert self.found(resource) == before, "check mode has changed something"
        applied = self.walk(resource)
        assert applied.status.value == "changed", applied
        assert applied.diff == planned.diff, (planned.diff, applied.diff)
        if resource.reads_back():
            self.leaves(resource)
        return applied

    def leaves(self, resource):
        """Everything is as declared: neither check nor apply finds anything to do."""
        before = self.found(resource)
        for check in (True, False):
            outcome = self.walk(resource, check=check)
            assert outcome.status.value == "ok", outcome
        assert self.found(resource) == before
        return outcome

    def refuses(self, resource, code):
        """The step fails with ``code`` and leaves what it found; returns the trouble as a dict."""
        before = self.found(resource)
        outcome = self.walk(resource)
        assert outcome.status.value == "failed", outcome
        assert outcome.trouble["code"] == code, outcome.trouble
        assert self.found(resource) == before, (before, self.found(resource))
        return outcome.trouble

    def found(self, resource):
        """What ``found`` says, or the code it fails with."""
        try:
            state = resource.found(self.system())
        except Exception as error:  # noqa: BLE001 - it has to be the same afterwards
            return getattr(error, "code", repr(error))
        return None if state is None else dict(state)

    def walk(self, resource, check=False):
        """The outcome of a plan of one step; no secret of the resource may be in it."""
        secrets, blobs = {}, {}
        resource.validate()
        encoded = {
            f.name: self._wire.encode_value(getattr(resource, f.name), secrets, blobs)
            for f in fields(resource)
        }
        step = self._model.Step(resource.id, resource.kind, json.loads(json.dumps(encoded)))
        (outcome,) = self._engine.walk(
            self._model.Plan("case", (step,)),
            self.system(),
            self._resources.TYPES,
            journal=self._journal.MemoryJournal(),
            secrets=secrets,
            check=check,
        )
        text = json.dumps(self._wire.outcome_json(outcome))
        assert not [name for name, text_ in secrets.items() if text_ in text], "a secret is shown"
        return outcome

    def perform(self, resource, verb):
        """Answer one notification."""
        resource.perform(self.system(), verb)

    def system(self):
        """A look at the machine that remembers nothing."""
        return self._realsystem.RealSystem(self.facts)

    # --- by hand ---------------------------------------------------------------------------------

    def run(self, *argv, check=True, stdin=b"", user=None):
        """A program, from ``/``; its output is text."""
        if user:
            argv = ("setpriv", "--reuid", user, "--regid", user, "--init-groups", "--", *argv)
        done = subprocess.run(argv, input=stdin, capture_output=True, cwd="/", timeout=120)
        done.stdout, done.stderr = done.stdout.decode(), done.stderr.decode()
        assert not check or done.returncode == 0, (argv, done.returncode, done.stdout, done.stderr)
        return done

    def out(self, *argv, **rest):
        """What a program prints, without the space around it."""
        return self.run(*argv, **rest).stdout.strip()

    def put(self, path, data=b"", mode=0o644):
        """A file, with the directories above it."""
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
        os.chmod(path, mode)

    def read(self, path):
        with open(path, "rb") as file:
            return file.read()

    def secret(self, text="s3cret-of-a-case-that-nobody-may-see"):
        return self._values.Secret("case", text)

    def blob(self, data):
        """Bytes that reached this node beside the plan."""
        digest = hashlib.sha256(data).hexdigest()
        self.put("/var/lib/toque/blobs/" + digest, data, 0o600)
        return self._values.Blob(digest, len(data))

    @contextlib.contextmanager
    def without(self, *programs):
        """The machine as if these programs were not installed."""
        hidden = []
        try:
            for directory in self._programs.PATH.split(":"):
                for program in programs:
                    path = os.path.join(directory, program)
                    if os.path.lexists(path):
                        os.rename(path, path + ".hidden")
                        hidden.append(path)
            yield
        finally:
            for path in hidden:
                os.rename(path + ".hidden", path)


def main(archive, kind):
    os.umask(0o022)
    sys.path.insert(0, archive)
    module = importlib.import_module("toque_cases." + kind)
    said = {}
    for name, case in sorted(vars(module).items()):
        if getattr(case, "__module__", "") != module.__name__ or name.startswith("_"):
            continue
        if not callable(case) or isinstance(case, type):
            continue
        tree = f"/srv/case-{kind}-{name}"
        os.mkdir(tree)
        try:
            case(Node(tree))
            said[name] = "ok"
        except Exception:  # noqa: BLE001 - told to whoever runs the test
            said[name] = traceback.format_exc()
    print(json.dumps(said))


if __name__ == "__main__":
    main(*sys.argv[1:])
