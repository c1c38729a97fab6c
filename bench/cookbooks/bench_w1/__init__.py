"""W1: 1,000 files."""

from toque import Cookbook, File, Recipe

HOME = "/srv/bench/w1"


def setup(r: Recipe) -> None:
    for number in range(1000):
        text = f"# file {number}\n" + f"setting_{number} = value {number * 7919 % 997}\n" * 12
        r.add(File(f"{HOME}/d{number // 100}/f{number:04d}.conf", content=text))


cookbook = Cookbook("bench_w1", events={"setup": setup})
