"""Features: computed from data versions by one function, kept offline and online, joined as of a time.

A project's ``feature_views`` say what there is. `compute` runs a view's transform over a data version and keeps the
result in the zone's repository; `historical` joins such results to entities as they were at a time, for training and
batch; `materialise` brings the newest values of each entity online, and `online` looks them up. `apply` is the
transform alone, checked, for rows that are in no version. `search` and `freshness` show what there is and how old.

A reference of features (`FeatureRef`) is a small dict that JSON can hold: repository, zone, commit, view, definition,
version, path, digest, count, entities, first_at, last_at, new.
"""

from include.data.features.definition import definition, find_view
from include.data.features.errors import FeatureError, KeyProblem, NotOnline, TransformError, UnknownView
from include.data.features.join import historical
from include.data.features.keys import read_text
from include.data.features.offline import FeatureRef, compute, latest, load
from include.data.features.online import materialise, online
from include.data.features.transform import apply
from include.data.features.views import freshness, search

__all__ = [
    "FeatureError",
    "FeatureRef",
    "KeyProblem",
    "NotOnline",
    "TransformError",
    "UnknownView",
    "apply",
    "compute",
    "definition",
    "find_view",
    "freshness",
    "historical",
    "latest",
    "load",
    "materialise",
    "online",
    "read_text",
    "search",
]
