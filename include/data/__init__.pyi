from .bundles import make_bundle
from .checks import check_round
from .collect import collect_round
from .compare import compare_versions
from .errors import DataCheckError, DataError, IntegrityError, ReferenceFault, RefineError, SourceError, SourceUnavailable
from .leakage import LeakageError
from .merge import merge_round
from .operating import collect_operating_round
from .parts import Part, load_part, split_document
from .refine import refine_round
from .restore import restore_split, restore_version
from .rollback import roll_back
from .split import make_split
from .split_views import compare_splits, find_split, list_splits, origin_counts, split_items
from .usage import data_of_model, runs_of_version
from .versions import latest_version, list_versions, tag_version, version

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
    "origin_counts",
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
