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

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
