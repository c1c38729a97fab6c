"""What an app server loads: ``wsgi:app``."""

import os

from thena import create_app
from thena.config import Config

app = create_app(Config.from_environment(os.environ))
