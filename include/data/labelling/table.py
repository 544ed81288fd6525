"""The tables of a labelled round, and what is counted while they are written."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.data import labels
from include.data.labelling.pull import Labelled
from include.projects import Project

if TYPE_CHECKING:
    import pyarrow.parquet as pq

LABEL_COLUMNS = ("item_id", "label", "annotators", "agreement", "labelled_at", "source")
ROWS = 1000  # written at a time
EXAMPLES = 5


@dataclass
class Totals:
    """What was written: the numbers that describe a labelled round."""

    count: int = 0
    bytes: int = 0
    digest: str = ""
    labels: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    answers: list[dict[str, str]] = field(default_factory=list)
    invalid: dict[str, Any] = field(default_factory=lambda: {"count": 0, "examples": []})


def digest_line(item_id: str, label: str, annotators: str) -> bytes:
    """Return what one row adds to the digest of a labelled round."""
    return f"{item_id} {json.dumps(label)} {json.dumps(annotators)}\n".encode()


def write(folder: Path, found: Iterable[Labelled], project: Project, source: str) -> Totals:
    """Write the tables of a labelled round, some rows in memory at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    fields: list[tuple[str, Any]] = [
        ("item_id", pa.string()),
        ("label", pa.string()),
        ("annotators", pa.string()),
        ("agreement", pa.float64()),
        ("labelled_at", pa.timestamp("us", tz="UTC")),
        ("source", pa.string()),
    ]
    schema, totals, running = pa.schema(fields), Totals(), hashlib.sha256()
    rows: dict[str, list[dict[str, Any]]] = {"agreed": [], "disputed": []}
    with (
        pq.ParquetWriter(folder / "labels.parquet", schema, compression="zstd") as agreed,
        pq.ParquetWriter(folder / "disputed.parquet", schema, compression="zstd") as disputed,
    ):
        writers: dict[str, pq.ParquetWriter] = {"agreed": agreed, "disputed": disputed}

        def flush(least: int) -> None:
            for state, waiting in rows.items():
                if len(waiting) >= least:
                    writers[state].write_table(pa.Table.from_pylist(waiting, schema))
                    waiting.clear()

        for one in found:
            totals.states[one.state] += 1
            _count(totals, one)
            if one.state == "missing":
                continue
            annotators = labels.dump([answer.document() for answer in one.answers])
            at = max((_moment(answer.at) for answer in one.answers), default=None)
            row = {"item_id": one.item_id, "label": one.label, "annotators": annotators, "agreement": one.agreement}
            rows[one.state].append({**row, "labelled_at": at, "source": source})
            if one.state == "agreed":
                assert one.label is not None
                running.update(digest_line(one.item_id, one.label, annotators))
                totals.count += 1
                totals.bytes += len(one.label.encode())
                totals.labels.update(labels.classes_of(one.label, project))
            flush(ROWS)
        flush(1)
    totals.digest = f"sha256:{running.hexdigest()}"
    return totals


def _count(totals: Totals, one: Labelled) -> None:
    """Note what the first pass says about agreement: those after it are about disputed items alone."""
    totals.answers.append({answer.by: answer.label for answer in one.answers if answer.round == 1 and answer.label is not None})
    for answer in one.answers:
        if answer.problem:
            totals.invalid["count"] += 1
            if len(totals.invalid["examples"]) < EXAMPLES:
                totals.invalid["examples"].append(f"{one.item_id[:12]} by {answer.by}: {answer.problem}")


def _moment(at: str) -> datetime:
    try:
        found = datetime.fromisoformat(at)
    except ValueError:
        return datetime.fromtimestamp(0, UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
