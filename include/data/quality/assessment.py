"""Assessing a round: one pass over its table, then column by column; gives verdicts, numbers to plot, and samples."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from include.clients.lakefs import DataError, DataRepository
from include.data import items, refine, rounds
from include.data.quality import balance, history, judging, outliers, personal, rules, samples, summary
from include.data.quality.columns import LABEL, Columns
from include.data.quality.history import Earlier
from include.data.quality.lots import Reader
from include.data.quality.measuring import Measures, measure
from include.data.quality.near import near_duplicates
from include.data.quality.samples import Sample
from include.data.quality.verdicts import Verdict
from include.data.review import place
from include.projects import Project
from include.projects.content import ArrayContent, ImageContent, TableContent, TextContent
from include.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    import pyarrow.parquet as pq

SAMPLES = 24
COMES_AS_IT_COMES = ("operating", "sample")  # rounds whose balance and repeats nobody chose
STATISTICS = "quality.json"


@dataclass
class Assessment:
    """What was found out about a round.

    Attributes:
        checks: the verdicts.
        statistics: numbers by column and class, as JSON holds them; no personal values.
        samples: items to look at, without those that hold personal data.
        near: some pairs of nearly equal items.
        objects: what is kept beside the round, by name.
        hidden: columns whose values may not be shown.
    """

    checks: list[Verdict]
    statistics: dict[str, Any] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)
    near: list[tuple[Sample, Sample]] = field(default_factory=list)
    objects: dict[str, bytes] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()


def assess(settings: Settings, project: Project, round_ref: rounds.Ref) -> dict[str, Any]:
    """Assess a round on its branch, or on main where it was merged; writes nothing.

    Args:
        settings: the data server.
        project: ``data.quality`` has the limits. What is assessed is the refined round, where it names steps.
        round_ref: from `collect_round` or `collect_operating_round`.

    Returns:
        ``{"ok", "round", "digest", "count", "checks", "statistics"}``.
    """
    repo = rounds.repository(settings, project, round_ref["zone"])
    ref, number = place(repo, round_ref)
    document = rounds.describe(repo, ref, number)
    steps = project.data.refine
    path = refine.report(repo, ref, number, refine.recipe_digest(project))["table"] if steps else rounds.items_path(number)
    found = assess_table(settings, project, repo, ref, path, document)
    ok = all(check["ok"] for check in found.checks)
    about = {name: document[name] for name in ("digest", "count")}
    return {"ok": ok, "round": number, **about, "checks": found.checks, "statistics": found.statistics}


def assess_table(
    settings: Settings, project: Project, repo: DataRepository, ref: str, path: str, document: dict[str, Any]
) -> Assessment:
    """Assess one table of a round beside the rounds before it; what the checks of a round call.

    Args:
        settings: the data server.
        project: as for `assess_file`.
        repo: holds the round.
        ref: branch or commit.
        path: of the table that is checked, raw or refined.
        document: the round's ``round.json``.
    """
    before = history.earlier(settings, project, repo, ref, document["number"])
    with items.opened(repo, ref, path) as file:
        return assess_file(file, project, document, before)


def assess_file(file: pq.ParquetFile, project: Project, document: dict[str, Any], before: Earlier | None = None) -> Assessment:
    """Assess an open round's table.

    Args:
        file: its Parquet table.
        project: gives the form of content and ``data.quality``.
        document: its ``round.json``; of kinds that hold no items of their own, only labels are looked at.
        before: the rounds before it, from `history.earlier`; None compares with nothing.

    Raises:
        ReferenceFault: a rule, pattern or column of ``data.quality`` fits nothing in the data.
        DataError: there is no space for the measures.
    """
    reader = reader_of(project) if document["kind"] in history.KINDS else None
    measured = reader.measured if reader else ()
    with TemporaryDirectory(prefix="devmlops-quality-") as folder, Columns(Path(folder) / "columns.arrow", measured) as columns:
        try:
            found = measure(file, project, columns, reader)
        except OSError as cause:  # Arrow says so of a full disk too
            raise DataError(
                f"{folder} on this machine", f"the measures of a round cannot be written: {cause}", "Free some space, try again"
            ) from cause
        return _judge(file, project, document["kind"] not in COMES_AS_IT_COMES, found, reader, before)


def reader_of(project: Project) -> Reader:
    """Return what measures the project's items."""
    from include.data.quality import arrays, files, images, tables, texts

    form = project.data.content
    if isinstance(form, ArrayContent):
        return arrays.ArrayReader(form)
    if isinstance(form, TableContent):
        return tables.TableReader(form)
    if isinstance(form, TextContent):
        return texts.TextReader()
    return images.ImageReader(form) if isinstance(form, ImageContent) else files.FileReader(form)


def _judge(
    file: pq.ParquetFile, project: Project, gate: bool, found: Measures, reader: Reader | None, before: Earlier | None
) -> Assessment:
    """Judge what was measured, and choose what people shall see of it."""
    columns, quality = found.columns, project.data.quality
    counted = balance.counts(columns, project)
    statistics: dict[str, Any] = {"count": columns.count, "classes": dict(counted)}
    if project.task == "regression":
        statistics["labels"] = summary.numbers(_label_numbers(columns))
    checks = [*balance.balance(counted, quality, gate)]
    if reader is None:
        return Assessment(checks, statistics, objects=_objects(checks, statistics))
    leaks = personal.personal(columns, quality.personal)
    columns.hide_keys = "key" in leaks  # from here on, rows are told by their number then
    checks += [balance.conflicts(columns, quality, gate), *judging.contents(found, project), *rules.rules(columns, quality)]
    far = outliers.outliers(columns, quality.outliers)
    near = near_duplicates(columns, reader, found.signatures, before, quality.near_similarity)
    checks += [judging.personal(leaks, columns, quality), judging.outliers(far, columns, quality, gate)]
    checks += judging.duplicates(near, before, columns, quality, gate)
    hidden = frozenset({one.name for one in columns.measured.values() if one.personal} | leaks.keys() - {"text"})
    statistics |= {
        "columns": {one.name: summary.summary(columns, one, one.name in hidden) for one in columns.measured.values()},
        "outliers": {name: len(rows) for name, rows in far.items()},
        "personal": {name: dict(one.kinds) for name, one in leaks.items()},
        "near": {"items": near.items, "looked_at": near.looked_at},
    }
    private: set[int] = set().union(*(leaks[name].rows for name in {"text", "key"} & leaks.keys()))
    most = project.data.review.samples if project.data.review else SAMPLES
    pairs = [samples.read(file, pair) for pair in near.pairs if not private & set(pair)]
    return Assessment(
        checks,
        statistics,
        samples.read(file, samples.choose(columns, most, private)),
        [(pair[0], pair[1]) for pair in pairs if len(pair) == 2],
        {**_objects(checks, statistics), history.MARKS: history.marks(columns.ids(), found.signatures)},
        hidden,
    )


def _objects(checks: list[Verdict], statistics: dict[str, Any]) -> dict[str, bytes]:
    return {STATISTICS: items.dump({"format": 1, "checks": checks, "statistics": statistics})}


def _label_numbers(columns: Columns) -> np.ndarray:
    import pandas as pd

    return pd.to_numeric(columns.series(LABEL), errors="coerce").to_numpy(dtype=float)
