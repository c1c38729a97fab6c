"""The cookbook of Thena: what its server is, and how a new release takes over.

* attributes.py: what may differ from one machine to another
* configure.py: the set-up: packages, users, directories, database, nginx
* deploy.py: one release in the place of another
* templates/: the nginx site, the app server's settings, the unit that starts it
"""

from toque import Cookbook

from .attributes import Thena
from .configure import configure
from .deploy import deploy

cookbook = Cookbook(
    "thena_infra",
    attributes=Thena,
    events={"setup": configure, "deploy": deploy},
)
