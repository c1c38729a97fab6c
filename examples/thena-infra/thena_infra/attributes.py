"""What may differ from one machine to another; `toque.toml` overrides any of it.

What Thena *is* (its repository, domains, number of processes) stands in `toque.toml` already and
reaches the recipes as `r.app`.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Thena:
    threads: int = 2  # of each process; with 3 processes, 6 requests at once
    largest_body: str = "1m"  # nginx refuses larger uploads
    answer_within_s: int = 30  # a request that takes longer is cut off
    finish_within_s: int = 20  # what a request under way has left when its release is stopped
