"""What pending migrations mean for the code that runs now.  Pure: data in, verdicts out.

``listed`` takes what ``inside/pending.py`` says of a database; the other files say what one
operation of Alembic, of Django, or one statement of SQL does to a database that is in use.
"""

from .judging import Judged, judge, judged_from, judged_json, worst
from .words import FINAL, REFUSED, SAFE, TWO_STEPS, UNKNOWN, Reason

__all__ = [
    "FINAL",
    "REFUSED",
    "SAFE",
    "TWO_STEPS",
    "UNKNOWN",
    "Judged",
    "Reason",
    "judge",
    "judged_from",
    "judged_json",
    "worst",
]
