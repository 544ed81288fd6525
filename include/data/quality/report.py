"""The quality report of a round: one page with its checks, plots and samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from markupsafe import Markup

from include.data.quality.assessment import Assessment
from include.data.quality.plots import histograms
from include.data.quality.show import gallery
from include.data.quality.verdicts import Verdict
from include.projects import Project
from include.reports import Section, bars, page, table

CLASSES = 60


def quality_report(project: Project, document: Mapping[str, Any], report: Mapping[str, Any], found: Assessment) -> str:
    """Return the report of a round as a whole HTML page.

    Args:
        project: whose.
        document: the round's ``round.json``.
        report: of all checks of the round: ``ok`` and ``checks``.
        found: from `assess_file`.
    """
    passed = "passed its checks" if report["ok"] else "did not pass its checks"
    about = f"{document['count']:,} items from {document['source']}, by {document['author']}; it {passed}."
    return page(f"{project.title}: quality of round {document['number']}", _sections(project, report["checks"], found), about)


def _sections(project: Project, checks: list[Verdict], found: Assessment) -> Iterator[Section]:
    statistics = found.statistics
    columns = statistics.get("columns", {})
    yield Section("Checks", checks_table(checks))
    if classes := statistics.get("classes"):
        shown = dict(sorted(classes.items(), key=lambda one: -one[1])[:CLASSES])
        rest = Markup("<p>{} more classes.</p>").format(len(classes) - CLASSES) if len(classes) > CLASSES else ""
        yield Section("Classes", bars(shown) + rest)
    if statistics.get("labels"):
        yield Section("Labels", histograms({"label": statistics["labels"]}))
    if columns:
        yield Section("Columns", _columns(columns, statistics))
        missing = {name: one["missing"] for name, one in columns.items() if one["missing"]}
        if missing:
            yield Section("Missing values", bars(missing))
        shown = {name: one for name, one in columns.items() if name not in found.hidden}
        if any(one.get("histogram") for one in shown.values()):
            yield Section("Distributions", Markup("<p>From the 0.5th to the 99.5th percentile.</p>") + histograms(shown))
        lengths = {name: one["lengths"] for name, one in shown.items() if one.get("lengths")}
        if lengths:
            yield Section("Lengths of texts", Markup("<p>Characters.</p>") + histograms(lengths))
    far = {name: count for name, count in statistics.get("outliers", {}).items() if count}
    if far:
        yield Section("Outliers", bars(far))
    if found.near:
        pairs = Markup("").join(gallery(pair, project, found.hidden) for pair in found.near)
        yield Section("Nearly equal items", Markup("<p>Some pairs.</p>") + pairs)
    if found.samples:
        yield Section("Samples", gallery(found.samples, project, found.hidden))


def checks_table(checks: list[Verdict]) -> Markup:
    """Return checks as a table: failed ones, warnings, then the rest."""
    order = {"failed": 0, "warning": 1, "passed": 2}
    rows = []
    for check in checks:
        state = "passed" if check["ok"] and not check.get("warnings") else "warning" if check["ok"] else "failed"
        tone = {"passed": "good", "warning": "warn", "failed": "bad"}[state]
        said = check.get("warnings") or [*check.get("examples", []), *filter(None, [check.get("advice")])]
        rows.append((order[state], [(state, tone), check["name"], str(check["value"]), check["limit"], "; ".join(said)]))
    return table(["", "check", "found", "wanted", "about"], [row for _, row in sorted(rows, key=lambda one: one[0])])


def _columns(columns: Mapping[str, Mapping[str, Any]], statistics: Mapping[str, Any]) -> Markup:
    count = max(statistics["count"], 1)
    rows = []
    for name, one in columns.items():
        if one.get("personal"):
            said: Any = ("personal, not shown", "warn")
        else:
            said = ", ".join(f"{value} ({times:,})" for value, times in one.get("top", [])[:6])
        numbers = [one.get(what) for what in ("least", "mean", "most")]
        rows.append([name, one["type"], f"{one['missing'] / count:.2%}", *numbers, said])
    return table(["column", "type", "missing", "least", "mean", "most", "values"], rows)
