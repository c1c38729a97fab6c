"""How Sphinx builds the documentation: Markdown in, HTML that loads nothing from elsewhere out."""

import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

project = "Toque"
author = "The Toque authors"
copyright = "the Toque authors, Apache-2.0"
release = tomllib.loads((HERE.parent / "pyproject.toml").read_text())["project"]["version"]

extensions = ["myst_parser", "reference"]
exclude_patterns = ["_ext", "Thumbs.db"]
html_theme = "furo"
html_title = "Toque"
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
