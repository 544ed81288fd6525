"""Data: rounds, versions, splits and bundles, each kept in the zone's lakeFS repository.

The way of data: `collect_round` writes a round to the run's branch, `refine_round` turns its raw items into those
that models learn from, `check_round` checks them there, `merge_round`
brings it to main, `tag_version` makes it a version, `make_split` divides the version, `load_part` gives a part
back. `restore_version` and `restore_split` write them to a folder, `compare_versions` and `compare_splits` tell two
apart, `roll_back` makes an earlier version the newest again, `runs_of_version` and `data_of_model` tell what went
where. `collect_operating_round` makes a round of what production was asked, `make_bundle` joins rounds, whole or by
filter, without copying them. Each may be run again after any failure and gives the same result.

The parts with a face of their own: `dictionaries`, `features`, `labelling`, `privacy`, `quality`, `status`,
`catalogue` and `lineage`.

References are what these functions hand to one another, small dicts that JSON can hold:

- round: repository, zone, branch, round (number), commit, kind, run_id, author, source, count, digest, labels, new
- version: repository, zone, commit, kind, version, rounds, count, digest, run_id, author, new
- split: repository, zone, version, commit, split_path, split_digest, counts, and folds where it has some
"""

from include.clients.lakefs import DataError
from include.data.bundles import make_bundle
from include.data.checks import check_round
from include.data.collect import collect_round
from include.data.compare import compare_versions
from include.data.errors import DataCheckError, IntegrityError, ReferenceFault, RefineError, SourceError, SourceUnavailable
from include.data.leakage import LeakageError
from include.data.merge import merge_round
from include.data.operating import collect_operating_round
from include.data.parts import Part, load_part, split_document
from include.data.refine import refine_round
from include.data.restore import restore_split, restore_version
from include.data.rollback import roll_back
from include.data.split import make_split
from include.data.split_views import compare_splits, find_split, list_splits, split_items
from include.data.usage import data_of_model, runs_of_version
from include.data.versions import latest_version, list_versions, tag_version, version

__all__ = [
    "DataCheckError",
    "DataError",
    "IntegrityError",
    "LeakageError",
    "Part",
    "ReferenceFault",
    "RefineError",
    "SourceError",
    "SourceUnavailable",
    "check_round",
    "collect_operating_round",
    "collect_round",
    "compare_splits",
    "compare_versions",
    "data_of_model",
    "find_split",
    "latest_version",
    "list_splits",
    "list_versions",
    "load_part",
    "make_bundle",
    "make_split",
    "merge_round",
    "refine_round",
    "restore_split",
    "restore_version",
    "roll_back",
    "runs_of_version",
    "split_document",
    "split_items",
    "tag_version",
    "version",
]
