"""Checks of a labelled round: every label is one, and is about an item of the version that was labelled."""

from __future__ import annotations

import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from include.clients.lakefs import DataRepository
from include.data import labels
from include.data.errors import IntegrityError
from include.data.labelling.contents import about
from include.data.labelling.round import labels_path
from include.data.labelling.table import LABEL_COLUMNS, ROWS, digest_line
from include.data.labelling.work import version_items
from include.projects import Project
from include.settings import Settings

EXAMPLES = 5


def check_labels(
    settings: Settings, project: Project, repo: DataRepository, commit: str, document: dict[str, Any]
) -> dict[str, Any]:
    """Check a labelled round.

    Args:
        settings: the data server of the version that was labelled.
        project: its task, classes and ``data.labelling.min_agreement``.
        repo: holds the round.
        commit: of the round.
        document: its ``round.json``.

    Returns:
        A report as `include.data.check_round` gives it.
    """
    number = document["number"]
    running, found, again, low = hashlib.sha256(), {}, [], []
    least = project.data.labelling.min_agreement if project.data.labelling else 0.0
    for row in _rows(repo, commit, number):
        running.update(digest_line(row["item_id"], row["label"], row["annotators"]))
        if row["item_id"] in found:
            again.append(row["item_id"])
        found[row["item_id"]] = row["label"]
        if row["agreement"] is not None and row["agreement"] < least:
            low.append(f"{row['item_id'][:12]}: {row['agreement']:.2f}")
    placed = project.task not in ("classification", "regression")
    missing, wrong = set(found), []
    for item in version_items(settings, document["from"], content=placed):
        if item.item_id in missing:
            missing.discard(item.item_id)
            content = about(item.content, project) if placed else None
            if problem := labels.problem(found[item.item_id], project, content):
                wrong.append(f"{item.key[:80]}: {problem}")
    same = f"sha256:{running.hexdigest()}" == document["digest"] and len(found) + len(again) == document["count"]
    version = document["from"]["version"]
    checks = [
        _check("rows", document["count"], ">= 1", document["count"] >= 1, []),
        _check("unknown_items", len(missing), f"0 labels of items that are not in version {version}", not missing, missing),
        _check("invalid_labels", len(wrong), f"0 labels that are none of {project.task}", not wrong, wrong),
        _check("repeated_items", len(again), "0 items with two labels", not again, again),
        _check("agreement", len(low), f"0 labels with less agreement than {least}", not low, low),
        _check("stored_as_collected", same, "True", same, []),
    ]
    names = {name: document[name] for name in ("digest", "count")}
    return {"ok": all(check["ok"] for check in checks), "round": number, "commit": commit, **names, "checks": checks}


def _rows(repo: DataRepository, commit: str, number: int) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    where = f"{repo.name}/{labels_path(number)}"
    with TemporaryDirectory(prefix="devmlops-labels-") as folder:
        local = Path(folder) / "labels.parquet"
        repo.fetch(commit, labels_path(number), local)
        try:
            with pq.ParquetFile(local) as file:
                if not set(LABEL_COLUMNS) <= set(file.schema_arrow.names):
                    raise IntegrityError(where, f"columns are {file.schema_arrow.names}", f"It has {list(LABEL_COLUMNS)}")
                for batch in file.iter_batches(ROWS, columns=list(LABEL_COLUMNS)):
                    yield from batch.to_pylist()
        except (pa.ArrowException, OSError) as cause:
            raise IntegrityError(where, f"no readable Parquet table: {cause}", "Take the labels again") from cause


def _check(name: str, value: Any, limit: str, ok: bool, examples: Any) -> dict[str, Any]:
    check = {"name": name, "ok": bool(ok), "value": value, "limit": limit}
    return check if ok or not examples else {**check, "examples": sorted(examples)[:EXAMPLES]}
