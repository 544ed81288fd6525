"""The report of a masked sample: for the person who approves it. It shows masked values alone."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

from include.data import forms, items
from include.data.items import Item
from include.projects import Project
from include.projects.content import Content, TableContent, TextContent
from include.reports import Section, bars, page, table

EXAMPLES = 5
EXAMPLE_CHARS = 200


def examples(rows: Iterable[Item], form: Content) -> list[Any]:
    """Return the first masked items as the report shows them, long texts cut; none where they are no text."""
    if isinstance(form, TableContent):
        found = (forms.load_row(one.content) for one in islice(rows, EXAMPLES))
        return [{name: _cut(value) for name, value in row.items()} for row in found]
    if isinstance(form, TextContent):
        return [_cut(one.content.decode()) for one in islice(rows, EXAMPLES)]
    return []


def report_html(project: Project, document: dict[str, Any]) -> str:
    """Return ``masking.json`` as a page for people."""
    origin = document["from"]
    facts = [
        ("From", f"{origin['repository']}, rounds {', '.join(map(str, origin['rounds']))}, commit {origin['commit'][:12]}"),
        ("For", f"{project.repositories['dev']}, made by {document['author']} at {document['created_at']}"),
        ("Digest, which is approved", items.digest(document)),
        ("Salt", f"{document['salt']} (names it, does not tell it)"),
        ("Labels", document["rules"]["label"]),
        ("Time of items", document["rules"]["taken_at"]),
    ]
    counts = {
        "in ops": document["found"],
        "chosen": document["chosen"],
        "in the sample": document["rows"],
        "left out, cannot be masked": sum(document["left_out"].values()),
        "left out for k-anonymity": document["suppressed"],
    }
    sections = [
        Section("Sample", table(["", ""], facts)),
        Section("Rows", bars(counts)),
        Section("What it still tells", table(["Check", "Value", "Limit"], _risks(document))),
    ]
    if document["columns"]:
        sections.append(Section("Columns", table(COLUMNS, _columns(document))))
    if document["left_out"]:
        sections.append(Section("Left out", table(["Why", "Items"], document["left_out"].items())))
    if document["examples"]:
        sections.append(Section("Masked items", _examples(document["examples"])))
    notes = "Patterns find what has a form. Names and what is told about people in words have none: look at the masked items."
    return page(f"Masked sample of {project.title}", [*sections, Section("Limits of the scan", notes)], about=project.name)


def approval_markdown(project: Project, document: dict[str, Any]) -> str:
    """Return what an approver sees in the form."""
    origin = document["from"]
    lines = [
        f"**{document['rows']} masked items** of *{_plain(project.title)}* from `{origin['repository']}` for"
        f" `{project.repositories['dev']}`",
        f"Digest: `{items.digest(document)}`",
        f"Made by {_plain(document['author'])}, who may not approve",
        "",
        "| Check | Value | Limit |",
        "|---|---|---|",
        *(f"| {_plain(name)} | {_plain(_text(value))} | {_plain(limit)} |" for name, value, limit in _risks(document)),
        "",
    ]
    if document["columns"]:
        lines += [f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|"]
        lines += [f"| {' | '.join(_plain(_text(cell)) for cell in row)} |" for row in _columns(document)]
        lines.append("")
    for one in document["examples"]:
        lines.append(f"- `{_plain(str(one)).replace('`', ' ')}`")
    return "\n\n".join(lines[:3]) + "\n" + "\n".join(lines[3:])


COLUMNS = ("Column", "Rule", "About a person", "Missing", "As it was")


def _risks(document: dict[str, Any]) -> list[tuple[str, Any, str]]:
    anonymity, scan = document["anonymity"], document["scan"]
    found = [("Personal data found by patterns", (sum(scan["found"].values()), "good"), f"0 of {', '.join(scan['kinds'])}")]
    if anonymity:
        names = ", ".join(anonymity["quasi_identifiers"])
        found.append((f"Rows that share {names}, at least", (anonymity["k"], "good"), f">= {anonymity['limit']}"))
        if anonymity["l"] is not None:
            found.append(
                ("Values of sensitive columns among them, at least", (anonymity["l"], "good"), f">= {anonymity['l_limit']}")
            )
        share = document["suppressed"] / (document["rows"] + document["suppressed"])
        found.append(("Share left out for it", (round(share, 4), "good"), f"<= {document['rules']['max_suppressed']:g}"))
    else:
        found.append(("k-anonymity", ("not computed", "warn"), "no quasi_identifiers are declared"))
    return [*found, ("Labels that could not go along", document["labels_lost"], "")]


def _columns(document: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [
        (name, one["rule"], "yes" if one["personal"] else "no", one["missing"], _share(one))
        for name, one in document["columns"].items()
    ]


def _share(column: dict[str, Any]) -> Any:
    kept = column["unchanged"]
    return (kept, "warn") if kept and column["rule"] not in ("keep", "") else kept


def _examples(shown: list[Any]) -> Any:
    if isinstance(shown[0], dict):
        return table(list(shown[0]), [list(one.values()) for one in shown])
    return table(["Text"], [[one] for one in shown])


def _text(value: Any) -> str:
    return str(value[0] if isinstance(value, tuple) else value)


def _plain(text: str) -> str:
    """Return text that means nothing to Markdown and stays in its cell."""
    for sign in "\\`*_{}[]<>()#|!":
        text = text.replace(sign, f"\\{sign}")
    return " ".join(text.split())


def _cut(value: Any) -> Any:
    return f"{value[:EXAMPLE_CHARS]}…" if isinstance(value, str) and len(value) > EXAMPLE_CHARS else value
