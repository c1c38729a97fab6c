"""Why a project cannot be detected: the errors, in one shape."""

from __future__ import annotations

from ..errors import AskedWrongly


def no_python(found: str) -> AskedWrongly:
    return AskedWrongly(
        "no-python-app",
        "there is no Python web app here",
        expected="a Flask, Django, FastAPI, Starlette or Quart app in .py files that git knows",
        found=found,
        hint="cd into the app's folder, or name the app: --entry MODULE:NAME",
    )


def needs_arguments(path: str, line: int, words: str) -> AskedWrongly:
    module = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    name = words.partition("(")[0]
    return AskedWrongly(
        "no-python-app",
        "the function that makes the app cannot be called without arguments",
        expected=f"a wsgi.py with  from {module} import {name}; app = {name}(...)",
        found=words,
        hint="write that wsgi.py and commit it",
        place=f"{path}:{line}",
    )


def two_folders(folders: list[str]) -> AskedWrongly:
    return AskedWrongly(
        "two-entry-points",
        f"{len(folders)} folders here could be the app",
        expected="one folder with a lock",
        found=", ".join(folders),
        hint=f"cd {folders[0]} and run it there",
    )


def two_entries(where: list[str]) -> AskedWrongly:
    return AskedWrongly(
        "two-entry-points",
        f"{len(where)} things here could be the app",
        expected="one; a Procfile's web: line, wsgi.py or asgi.py decides",
        found="; ".join(where),
        hint="choose one: --entry MODULE:NAME",
    )


def no_lock(found: str, hint: str) -> AskedWrongly:
    return AskedWrongly(
        "lock-missing",
        "nothing here says which packages the app needs",
        expected="uv.lock, pylock.toml, poetry.lock, Pipfile.lock or requirements.txt",
        found=found,
        hint=hint,
    )


def bad_lock(path: str, found: str, hint: str) -> AskedWrongly:
    return AskedWrongly(
        "lock-unreadable",
        f"{path} cannot be read as the lock that its name promises",
        expected="a file as its tool writes it",
        found=found,
        hint=hint,
        place=path,
    )


def bad_procfile(path: str, line: int, found: str) -> AskedWrongly:
    return AskedWrongly(
        "procfile-unreadable",
        "the Procfile cannot be read",
        expected="lines like  web: gunicorn app:app",
        found=found,
        hint="correct the line, or remove the Procfile",
        place=f"{path}:{line}",
    )
