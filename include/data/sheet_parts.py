"""The parts of a data sheet, each from the records of a version."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from include.clients.lakefs import DataError
from include.data import rounds
from include.data.lineage import svg
from include.data.parts import split_document
from include.data.sheet_facts import Facts
from include.data.sheet_pages import Bars, Block, Cell, Drawing, Part, Rows, Words
from include.projects.content import TableContent
from include.reports.links import dag_run_url, mlflow_model_url, mlflow_run_url, report_url

MOST = 200  # rounds and runs listed, newest first; all are counted


def parts(facts: Facts) -> list[Part]:
    """Return all parts of a sheet, in order."""
    made = (
        ("Motivation", _motivation),
        ("Composition", _composition),
        ("Collection", _collection),
        ("Refining", _refining),
        ("Labelling", _labelling),
        ("Quality", _quality),
        ("Splits", _splits),
        ("Personal data and masking", _personal),
        ("Uses", _uses),
        ("Maintenance", _maintenance),
        ("Lineage", _lineage),
    )
    return [Part(title, list(make(facts))) for title, make in made]


def _motivation(facts: Facts) -> Iterator[Block]:
    project = facts.project
    yield Words(project.description or "project.yaml gives no description.")
    content = project.data.content
    rows = [["Project", project.name], ["Domain", project.domain], ["Task", project.task], ["Items are of kind", content.kind]]
    yield Rows(["What", "Value"], [*rows, ["Release notes", Cell(facts.version["notes"] or "none", facts.own)]])
    if facts.note is not None and facts.note.description:
        yield Words(f"{facts.note.by} says: {facts.note.description}")


def _composition(facts: Facts) -> Iterator[Block]:
    version, own = facts.version, facts.own
    size = sum(one["bytes"] for one in facts.seen)
    times = sorted(one["created_at"] for one in facts.seen if one["created_at"])
    rows: list[list[Any]] = [
        ["Items", Cell(version["count"], own)],
        ["Items with a label", Cell(version["labelled"], own)],
        ["State", Cell(version["state"], own)],
        ["Rounds with items", Cell(len(facts.pieces), own)],
        ["Bytes of these rounds as collected", Cell(size, own)],
        ["Digest", Cell(version["digest"], own)],
    ]
    if times:
        rows.append(["Collected", f"{times[0]} to {times[-1]}"])
    yield Rows(["What", "Value"], rows)
    counts = facts.document.get("labels")
    if counts is None:  # versions made before they counted
        counts = dict(sum((Counter(one["labels"]) for one in facts.seen), Counter()))
    if counts:
        yield Bars(counts)
        yield Rows(["Class", "Labels"], [[name, Cell(count, own)] for name, count in counts.items()])
    by_source: dict[str, list[Any]] = {}
    for piece, one in facts.pieces:
        given = (one or {}).get("sources") or {one["source"] if one else piece["repository"]: piece["count"]}
        for name, count in given.items():
            mine = by_source.setdefault(name, [0, 0])
            mine[0], mine[1] = mine[0] + 1, mine[1] + count
    yield Rows(["Source", "Rounds", "Items as collected"], [[name, *counts] for name, counts in by_source.items()], "Sources")


def _collection(facts: Facts) -> Iterator[Block]:
    rows = []
    for piece, one in facts.pieces[: -MOST - 1 : -1]:
        url = facts.piece_record(piece, rounds.round_path(piece["round"]))
        told = [one["kind"], one["created_at"], one["author"], one["source"]] if one else ["", "", "", ""]
        run = Cell("run", dag_run_url(facts.settings, one["run_id"])) if one else None
        origin = piece.get("origin") or ""
        rows.append([piece["repository"], Cell(piece["round"], url), *told, Cell(piece["count"], url), origin, run])
    yield Rows(["Repository", "Round", "Kind", "When", "By", "Source", "Items", "Origin", "Run"], rows)
    if len(facts.pieces) > MOST:
        yield Words(f"The newest {MOST} of {len(facts.pieces):,} rounds are listed; the version's document has all.", facts.own)


def _refining(facts: Facts) -> Iterator[Block]:
    tables = {piece["table"]: (piece, one) for piece, one in facts.pieces if piece.get("table") and one}
    used = [
        (piece, done)
        for piece, one in tables.values()
        for done in one["refined"]  # type: ignore[index]
        if done.get("table") == piece["table"] and done.get("steps")
    ]
    if not used:
        yield Words("Items are used as they were collected: no step refined them.")
        return
    for recipe in dict.fromkeys(done["recipe"] for _, done in used):
        mine = [(piece, done) for piece, done in used if done["recipe"] == recipe]
        piece, first = mine[0]
        url = facts.piece_record(piece, first["table"].removesuffix(".parquet") + ".json")
        rows = []
        for place, step in enumerate(first["steps"]):
            same = [done["steps"][place] for _, done in mine if len(done["steps"]) > place]
            sums = [sum(one.get(name, 0) for one in same) for name in ("before", "after", "changed")]
            rows.append([step["use"], str(step.get("params") or ""), *(Cell(number, url) for number in sums)])
        yield Rows(["Step", "Parameters", "Items before", "Items after", "Changed"], rows, f"Recipe {recipe}")
        left = sum(done.get("left_out", 0) for _, done in mine)
        yield Words(f"{len(mine)} rounds were refined by it; {left:,} items were left out.", url)


def _labelling(facts: Facts) -> Iterator[Block]:
    share = facts.version["labelled"] / facts.version["count"] if facts.version["count"] else 0.0
    text = f"{facts.version['labelled']:,} of {facts.version['count']:,} items have a label ({share:.1%})."
    yield Words(text, facts.own)
    at_source = sum(one["labelled"] for one in facts.seen)
    yield Words(f"{at_source:,} labels came with the items from their sources.")
    if not facts.labellings:
        yield Words("No round of this version was labelled by people.")
        return
    head = ["Round", "When", "From", "Labels", "Disputed", "Agreement", "Alpha", "Who (answers)"]
    rows = []
    for repository, one in facts.labellings:
        told = one.get("agreement") or {}
        url = facts.record(rounds.round_path(one["number"]), one["merged"], repository)
        people = ", ".join(f"{who} ({its.get('answers')})" for who, its in (told.get("people") or {}).items())
        numbers = [Cell(told.get(name), url) for name in ("disputed", "mean", "alpha")]
        rows.append([Cell(one["number"], url), one["created_at"], one["source"], Cell(one["count"], url), *numbers, people])
    yield Rows(head, rows)


def _quality(facts: Facts) -> Iterator[Block]:
    ran: dict[str, list[Any]] = {}
    for piece, one in facts.pieces:
        for check in ((one or {}).get("checks") or {}).get("checks", []):
            mine = ran.setdefault(check["name"], [0, 0, 0, None, None, check.get("limit")])
            mine[0] += 1
            mine[1] += not check.get("ok")
            mine[2] += len(check.get("warnings") or [])
            value = check.get("value")
            if isinstance(value, int | float) and (mine[3] is None or value >= mine[3]):
                mine[3], mine[4] = value, facts.piece_record(piece, rounds.checks_path(piece["round"]))
    if not ran:
        yield Words("No check report is kept with these rounds.")
        return
    rows = [[name, a, (b, "bad") if b else b, c, Cell(worst, url), limit] for name, (a, b, c, worst, url, limit) in ran.items()]
    rows = [[cell[0] if isinstance(cell, tuple) else cell for cell in row] for row in rows]
    yield Rows(["Check", "Rounds", "Not passed", "Warnings", "Highest value", "Wanted"], rows)
    reports = [
        [
            Cell(
                f"round {one['number']}",
                report_url(
                    facts.settings, facts.records[piece["repository"]].zone, facts.project.name, piece["commit"], one["report"]
                ),
            )
        ]
        for piece, one in facts.pieces[: -MOST - 1 : -1]
        if one and one["report"]
    ]
    if reports:
        yield Rows(["Quality report"], reports)
    reviews = [
        [one["number"], *(str(one["review"].get(n, "")) for n in ("decision", "by", "at", "reason"))]
        for one in facts.seen
        if one["review"]
    ]
    if reviews:
        yield Rows(["Round", "Decision", "By", "When", "Reason"], reviews, "Reviews by people")


def _splits(facts: Facts) -> Iterator[Block]:
    mine = [one for one in facts.found.splits if one["version"] == facts.version["version"]]
    if not mine:
        yield Words("It was not split.")
        return
    rows = []
    for one in mine:
        url = facts.record(one["path"], one["commit"])
        ref = {"repository": facts.repository, "zone": facts.zone, "commit": one["commit"], "split_path": one["path"]}
        try:
            document = split_document(facts.settings, {**ref, "split_digest": one["digest"]})
            counts = ", ".join(f"{part} {its['count']:,}" for part, its in document["parts"].items())
            leaks = "none" if document.get("leakage", {}).get("ok") else "not checked" if "leakage" not in document else "found"
        except DataError as cause:
            counts, leaks = str(cause), ""
        rows.append([Cell(one["digest"][7:19], url), one["method"], Cell(counts, url), leaks, one["author"], one["created_at"]])
    yield Rows(["Split", "Method", "Items of each part", "Leakage", "By", "When"], rows)


def _personal(facts: Facts) -> Iterator[Block]:
    content, quality = facts.project.data.content, facts.project.data.quality
    columns = [name for name, one in content.columns.items() if one.personal] if isinstance(content, TableContent) else []
    if columns:
        yield Words(f"project.yaml says that these columns are about a person: {', '.join(columns)}.")
    else:
        yield Words("project.yaml names no column as personal. That is its author's statement.")
    yield Words(f"Checks look for {', '.join(quality.personal) or 'no personal data by pattern'}.")
    samples = [(piece, one) for piece, one in facts.pieces if one and one["kind"] == "sample"]
    for piece, one in samples:
        origin = (one.get("recipe") or {}).get("from") or {}
        url = facts.piece_record(piece, f"{rounds.folder(piece['round'])}masking.json")
        yield Words(
            f"Round {one['number']} is a masked sample of {origin.get('repository', one['source'])}: rules and approval.", url
        )
    if not samples:
        yield Words("It holds no masked sample of the ops zone.")


def _uses(facts: Facts) -> Iterator[Block]:
    names = {one["id"].rpartition("/")[2] for one in facts.lineage["nodes"] if one["kind"] in ("run", "model", "release")}
    runs = [one for one in facts.engines.runs if one["run_id"] in names]
    models = [one for one in facts.engines.models if one["run_id"] in {run["run_id"] for run in runs}]
    releases = [one for one in facts.engines.releases if one["id"] in names]
    if not runs and not releases:
        asked = not facts.engines.problems
        yield Words("No run or model is known to have used it." if asked else "It is not known who used it.", bad=not asked)
    if runs:
        rows = [
            [
                Cell(one["name"], mlflow_run_url(facts.settings, one["experiment_id"], one["run_id"])),
                *(one[name] for name in ("kind", "status", "author", "created_at")),
                Cell(one["metrics"].get("test_accuracy"), mlflow_run_url(facts.settings, one["experiment_id"], one["run_id"])),
            ]
            for one in runs[: -MOST - 1 : -1]
        ]
        yield Rows(["Run", "Kind", "Status", "By", "When", "Accuracy, test"], rows, f"{len(runs):,} runs")
    if models:
        rows = [
            [Cell(one["version"], mlflow_model_url(facts.settings, one["name"], one["version"])), one["state"], one["author"]]
            for one in models
        ]
        yield Rows(["Model", "State", "By"], rows, "Models")
    if releases:
        rows = [
            [Cell(one["id"], dag_run_url(facts.settings, one["key"])), one["state"], one["model"], ", ".join(one["routes"])]
            for one in releases
        ]
        yield Rows(["Release", "State", "Model", "Answers now on"], rows, "Releases")


def _maintenance(facts: Facts) -> Iterator[Block]:
    version = facts.version
    rows: list[Sequence[Any]] = [
        ["Owner", facts.project.owner],
        ["Made by", version["author"]],
        ["Made at", Cell(version["created_at"], facts.own)],
        ["Made in", Cell(version["run_id"], dag_run_url(facts.settings, version["run_id"]))],
    ]
    newest = facts.found.versions[-1]["version"]
    rows.append(["Newest version", "this one" if newest == version["version"] else newest])
    if facts.note is not None and facts.note.tags:
        rows.append(["Tags", ", ".join(facts.note.tags)])
    yield Rows(["What", "Value"], rows)
    yield Words("The version never changes: its tag, its document and the tables that it names stay as they are.")


def _lineage(facts: Facts) -> Iterator[Block]:
    nodes = {one["id"]: one for one in facts.lineage["nodes"]}
    lines = [f"{nodes[edge['from']]['id']} -> {nodes[edge['to']]['id']}" for edge in facts.lineage["edges"]]
    more = [f"... and {len(lines) - MOST:,} more"] if len(lines) > MOST else []
    yield Drawing(svg(facts.lineage), [*lines[:MOST], *more])
