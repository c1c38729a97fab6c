"""Access tokens in the tree, by the shapes that their issuers gave them (R27)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .rule import Rule, Seen
from .subject import Subject

# Issuers choose a prefix so that tokens are found in places like this one.  None of these matches
# words; the parts that vary are long, and a made-up example has few different characters in them.
SHAPES: tuple[tuple[str, str], ...] = (
    ("access key of AWS", r"(?:AKIA|ASIA)(?P<vary>[A-Z2-7]{16})"),
    ("token of GitHub", r"gh[pousr]_(?P<vary>[A-Za-z0-9]{36,251})"),
    ("token of GitHub", r"github_pat_(?P<vary>[A-Za-z0-9]{22}_[A-Za-z0-9]{59})"),
    ("token of GitLab", r"gl(?:pat|dt|rt|cbt|ptt|ft)-(?=\S*\d)(?P<vary>[A-Za-z0-9_-]{20,64})"),
    ("token of Slack", r"xox[abeprs]-(?=\S*\d{4})(?P<vary>[A-Za-z0-9-]{20,250})"),
    ("webhook of Slack", r"hooks\.slack\.com/services/(?P<vary>T\w{6,}/B\w{6,}/\w{20,})"),
    ("live key of Stripe", r"[sr]k_live_(?P<vary>[A-Za-z0-9]{24,247})"),
    ("key of Google", r"AIza(?P<vary>[A-Za-z0-9_-]{35})"),
    ("key of SendGrid", r"SG\.(?P<vary>[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43})"),
    ("token of DigitalOcean", r"do[opr]_v1_(?P<vary>[a-f0-9]{64})"),
    ("token of npm", r"npm_(?P<vary>[A-Za-z0-9]{36})"),
    ("token of PyPI", r"pypi-(?P<vary>[A-Za-z0-9_-]{85,})"),
    ("key of Anthropic", r"sk-ant-[a-z0-9]+-(?P<vary>[A-Za-z0-9_-]{80,})"),
    ("key of OpenAI", r"sk-(?P<vary>[A-Za-z0-9_-]{20,}T3BlbkFJ[A-Za-z0-9_-]{20,})"),
    ("token of Hugging Face", r"hf_(?P<vary>[A-Za-z]{34})"),
)  # fmt: skip
_EACH = tuple(
    (name, re.compile(rf"(?<![A-Za-z0-9_-]){shape}(?![A-Za-z0-9_-])")) for name, shape in SHAPES
)
HINT = re.compile(
    rb"AKIA|ASIA|gh[pousr]_|github_pat_|gl[a-z]+-|xox[abeprs]-|hooks\.slack|[sr]k_live_|AIza|SG\."
    rb"|do[opr]_v1_|npm_|pypi-|sk-|hf_"
)
FEWEST = 8  # different characters of a real one; 20 random ones have fewer once in 10**7


def look(subject: Subject) -> Iterator[Seen]:
    for file in subject.files:
        for line, name in tokens(file.text):
            yield Seen(
                file.path,
                line,
                f"here is what looks like a {name}",
                "revoke it where it was issued, and keep the new one: toque env set NAME --secret",
            )


def tokens(text: str) -> Iterator[tuple[int, str]]:
    """Lines and kinds of the tokens in a text."""
    for name, shape in _EACH:
        for found in shape.finditer(text):
            vary = found["vary"]
            if len(set(vary)) >= FEWEST and "EXAMPLE" not in vary.upper():
                yield text.count("\n", 0, found.start()) + 1, name


RULE = Rule(
    "access-token",
    "error",
    "An access token is in the project",
    "Whoever reads the repository, now or in its history, can act with it.",
    look,
)
