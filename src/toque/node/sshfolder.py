"""Files in the .ssh of a user: read as root without following links, written as that user."""

from .accounts import Account, teams
from .errors import StepFailed
from .system import System


def path_in(account: Account, name: str) -> str:
    return f"{account.home.rstrip('/')}/.ssh/{name}"


def read_in(system: System, account: Account, name: str) -> str:
    """The text of a file there; empty when there is none."""
    path = path_in(account, name)
    if system.stat(path) is None:
        return ""
    return system.read(path).decode("utf-8", "replace")


def write_in(system: System, account: Account, name: str, text: str) -> None:
    """Replace a file there; .ssh is made when it is missing.  Nobody else can read either.

    Raises ``StepFailed("home-missing")``.
    """
    home = system.stat(account.home)
    if home is None or home.kind != "directory":
        raise StepFailed(
            "home-missing",
            f"user {account.name} has no home directory to hold .ssh/{name}",
            expected=f"a directory {account.home}",
            found=home.kind if home else "nothing",
            hint=f'let it be made with the user: User("{account.name}", make_home=True)',
        )
    groups = [team.name for team in teams(system).values() if team.gid == account.gid]
    group = groups[0] if groups else str(account.gid)
    folder = path_in(account, name).rpartition("/")[0]
    if system.stat(folder) is None:
        # In a home that belongs to root only root can; nobody else can swap anything there.
        user = None if home.owner == "root" else account.name
        system.mkdir(folder, owner=account.name, group=group, mode=0o700, user=user)
    system.write(
        path_in(account, name),
        text.encode(),
        owner=account.name,
        group=group,
        mode=0o600,
        user=account.name,
    )
