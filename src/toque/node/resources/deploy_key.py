"""The key by which the deploy user of an app reads its repository, made where it is used."""

from typing import ClassVar, FrozenSet, Optional, Sequence, Union

from ..accounts import accounts
from ..claim import Claim
from ..contents import text_at
from ..errors import NotReady, StepFailed
from ..privatekey import BadKey, cleaned
from ..record import dataclass
from ..resource import Invalid, Resource, State
from ..system import System
from ..values import Secret

GIVEN, ANOTHER = "the given one", "another"


@dataclass(frozen=True)
class DeployKey(Resource):
    """``path`` is a private key that only ``user`` can read: Ed25519, made here, without a
    passphrase, unless ``private`` is one to use.  Its directory has to be there and root's.

    A key that is there stays; with ``successor``, the path of another, that one takes its place
    when it is there.  ``comment`` is what forges show beside the key.

    The private half never leaves the node: ``ssh-keygen -y -f PATH`` prints the public one.
    """

    kind: ClassVar[str] = "deploy_key"

    path: str
    user: str
    comment: str = ""
    private: Union[str, Secret, None] = None
    successor: Optional[str] = None

    def validate(self) -> None:
        for name in ("path", "successor"):
            path = getattr(self, name)
            if path is not None and not path.startswith("/"):
                raise Invalid(name, "an absolute path", path)
        if not self.user or self.user == "root":
            raise Invalid("user", "a user that is not root", self.user)
        if not self.comment.isprintable() or self.comment.startswith("-"):
            raise Invalid("comment", "one line of text", self.comment)
        if self.private is not None:
            try:
                cleaned(self._given)
            except BadKey as error:
                raise Invalid("private", "a private key without a passphrase", error.why) from error

    def claims(self) -> Sequence[Claim]:
        return (Claim(self.path),)

    def wanted(self) -> State:
        return {
            "owner": self.user,
            "mode": "0600",
            "key": GIVEN if self.private is not None else None,
            "successor": "none" if self.successor else None,
        }

    def found(self, system: System) -> Optional[State]:
        there = system.stat(self.path)
        if there is None:
            return None
        if there.kind != "file":
            raise StepFailed(
                "deploy-key-unusable",
                f"{self.path} is no file",
                expected="a private key, or nothing",
                found=f"a {there.kind}",
                hint="look at it, and move it away",
            )
        same = self.private is not None and text_at(system, self.path) == self._text
        waits = self.successor is not None and system.stat(self.successor) is not None
        return {
            "owner": there.owner,
            "mode": f"{there.mode:04o}",
            "key": GIVEN if same else ANOTHER,
            "successor": "waiting" if waits else "none",
        }

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        if self.user not in accounts(system):
            raise NotReady(
                "user-missing",
                f"there is no user {self.user} for the deploy key",
                expected="a step before this one that makes the user",
                hint="toque setup NODE --only-setup",
            )
        if self.private is not None:
            if "key" in keys or "exists" in keys:
                system.write(
                    self.path, self._text.encode(), owner=self.user, group="root", mode=0o600
                )
        elif self.successor is not None and system.stat(self.successor) is not None:
            system.rename(self.successor, self.path)
        elif system.stat(self.path) is None:
            self._make(system)
        system.chmod(self.path, 0o600)
        system.chown(self.path, self.user, None)

    @property
    def _given(self) -> str:
        return self.private.reveal() if isinstance(self.private, Secret) else self.private or ""

    @property
    def _text(self) -> str:
        return cleaned(self._given).text

    def _make(self, system: System) -> None:
        """In a directory of the user's own, as that user; only a whole key gets its name."""
        system.progress("making an Ed25519 key")
        folder = f"{self.path}.made"
        system.remove_tree(folder)
        system.mkdir(folder, owner=self.user, group="root", mode=0o700)
        try:
            system.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", self.comment,
                 "-f", f"{folder}/key"],
                user=self.user,
            )  # fmt: skip
            made = system.run(["cat", "--", f"{folder}/key"], user=self.user)
        finally:
            system.remove_tree(folder)
        system.write(self.path, made.out, owner=self.user, group="root", mode=0o600)
