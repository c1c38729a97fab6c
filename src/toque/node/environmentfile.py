"""The variables of an app's release, as its processes are given them."""

from typing import Dict

from .errors import NotReady, StepFailed
from .formats.environment import parse_env
from .resource import Invalid
from .system import System


def read_environment(system: System, path: str) -> Dict[str, str]:
    """The names and values of an environment file, in the syntax of systemd's EnvironmentFile.

    Raises ``NotReady("environment-file-missing")``, ``StepFailed("environment-file-bad")``.
    """
    try:
        return parse_env(system.read(path).decode("utf-8"))
    except FileNotFoundError as error:
        raise NotReady(
            "environment-file-missing",
            f"there is no environment file {path}",
            expected="a File step before this one that writes it",
        ) from error
    except (Invalid, UnicodeDecodeError) as error:
        raise StepFailed(
            "environment-file-bad",
            f"{path} cannot be read the same way by systemd and a shell",
            expected='NAME="value" lines in UTF-8',
            found=str(error) if isinstance(error, Invalid) else "other bytes",
        ) from error
