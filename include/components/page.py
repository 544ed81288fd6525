"""The page of a workflow: its graph as a drawing, with the type on each edge and the time of each step."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from include.components.graph import DATA, Edge, components, edges, order
from include.projects import Project
from include.reports import Section, page, table

WIDTH, HEIGHT, ACROSS, DOWN, MARGIN = 190, 58, 290, 96, 24
STYLE = (
    ".box{fill:none;stroke:currentColor;stroke-opacity:.55}.model{stroke-width:2.5;stroke-opacity:1}"
    ".cached{stroke-dasharray:5 4}.edge{fill:none;stroke:currentColor;stroke-opacity:.4}"
    "text{fill:currentColor;font:12px sans-serif}.small{font-size:10px;fill-opacity:.75}.head{font-weight:600}"
)


def graph_page(project: Project, steps: Mapping[str, Mapping[str, Any]], made: Mapping[str, Any] | None = None) -> str:
    """Return the page.

    Args:
        project: with a workflow.
        steps: what `include.components.step.workflow_step` returned, by step; those that did not run yet are absent.
        made: what `include.components.collect.workflow_model` returned.
    """
    assert project.workflow is not None
    known, done = components(project), set(steps)
    ran = [float(one["seconds"]) for one in steps.values() if not one["cached"]]
    saved = [float(one["seconds"]) for one in steps.values() if one["cached"]]
    rows = []
    for name in order(project):
        step, one = project.workflow.steps[name], steps.get(name)
        state: Any = "not run yet" if one is None else ("not computed again", "warn") if one["cached"] else ("computed", "good")
        params = json.dumps(known[name].checked(step.params), ensure_ascii=False)
        outputs = ", ".join(f"{key}: {it['bytes'] / 1e6:,.2f} MB" for key, it in (one or {}).get("outputs", {}).items())
        rows.append((step.title or name, step.use, known[name].kind, params, state, one and one["seconds"], outputs))
    sections = [
        Section("Graph", drawing(project, steps)),
        Section("Steps", table(("Step", "Component", "Kind", "Parameters", "State", "Seconds", "Outputs"), rows)),
    ]
    figures = [
        (name, output, figure, value)
        for name, one in steps.items()
        for output, found in one["figures"].items()
        for figure, value in found.items()
    ]
    if figures:
        sections.append(Section("Figures of the steps", table(("Step", "Output", "Figure", "Value"), figures)))
    if made:
        rows_of_model = [(name, value) for name, value in made["metrics"].items()]
        sections.append(Section("Model", table(("Figure", "Value"), [("training run", made["run_id"]), *rows_of_model])))
    about = f"{project.title}: {len(known)} steps, model {project.workflow.model}"
    if done:
        about += f"; {len(ran)} computed in {sum(ran):.1f} s"
        about += f", {len(saved)} not computed again, which saved {sum(saved):.1f} s" if saved else ""
    return page(f"Workflow of {project.name}", sections, about)


def drawing(project: Project, steps: Mapping[str, Mapping[str, Any]]) -> Markup:
    """Return the graph as SVG, steps from left to right by what they wait for."""
    assert project.workflow is not None
    made = edges(project)
    places = _places(project, made)
    width = MARGIN * 2 + ACROSS * max(column for column, _ in places.values()) + WIDTH
    height = MARGIN * 2 + DOWN * max(row for _, row in places.values()) + HEIGHT
    parts = [_edges(pair, found, places) for pair, found in _bundles(made).items()]
    parts += [_box(project, name, *_corner(place), steps.get(name)) for name, place in places.items()]
    return Markup(
        '<figure><svg role="img" aria-label="graph of the workflow" viewBox="0 0 {0} {1}" width="{0}" height="{1}" '
        'style="max-width:100%;height:auto"><style>{2}</style>{3}</svg><figcaption>{4}</figcaption></figure>'
    ).format(
        width,
        height,
        Markup(STYLE),
        Markup("").join(parts),
        "A thick frame gives the model; a dashed step was not computed again.",
    )


def _places(project: Project, made: list[Edge]) -> dict[str, tuple[int, int]]:
    """Return column and row of each step, and of the data."""
    columns = {DATA: 0}
    for name in order(project):
        columns[name] = 1 + max((columns[one.source] for one in made if one.step == name and one.source != DATA), default=0)
    filled: dict[int, int] = {}
    places = {}
    for name, column in columns.items():
        places[name] = (column, filled.get(column, 0))
        filled[column] = filled.get(column, 0) + 1
    return places


def _bundles(made: list[Edge]) -> dict[tuple[str, str], list[Edge]]:
    found: dict[tuple[str, str], list[Edge]] = {}
    for one in made:
        found.setdefault((one.source, one.step), []).append(one)
    return found


def _corner(place: tuple[int, int]) -> tuple[int, int]:
    return MARGIN + place[0] * ACROSS, MARGIN + place[1] * DOWN


def _box(project: Project, name: str, x: int, y: int, one: Mapping[str, Any] | None) -> Markup:
    assert project.workflow is not None
    step = project.workflow.steps.get(name)
    if step is None:
        lines, kind = [(name, "head"), ("train, validation", "small"), ("", "small")], ""
    else:
        model = project.workflow.model.partition(".")[0] == name
        kind = " ".join(filter(None, ["model" if model else "", "cached" if one and one["cached"] else ""]))
        took = "" if one is None else f"{one['seconds']:.2f} s" + (" saved" if one["cached"] else "")
        lines = [(_short(step.title or name, 26), "head"), (_short(step.use, 34), "small"), (took, "small")]
    texts = Markup("").join(
        Markup('<text class="{}" x="{}" y="{}">{}</text>').format(style, x + 10, y + 19 + 16 * number, text)
        for number, (text, style) in enumerate(lines)
        if text
    )
    frame = Markup('<rect class="box {}" x="{}" y="{}" width="{}" height="{}" rx="8"/>').format(kind, x, y, WIDTH, HEIGHT)
    return Markup("<g><title>{}</title>{}{}</g>").format(name, frame, texts)


def _edges(pair: tuple[str, str], found: list[Edge], places: Mapping[str, tuple[int, int]]) -> Markup:
    """Return one curve between two steps, with what flows along it."""
    (left, top), (right, bottom) = _corner(places[pair[0]]), _corner(places[pair[1]])
    x, y, to_x, to_y = left + WIDTH, top + HEIGHT // 2, right, bottom + HEIGHT // 2
    kinds = list(dict.fromkeys(f"{one.output}: {one.type}" for one in found))
    said = _short(", ".join(dict.fromkeys(one.type.name for one in found)), 20)
    curve = f"M{x},{y} C{x + 50},{y} {to_x - 50},{to_y} {to_x},{to_y}"
    text = Markup('<text class="small" x="{}" y="{}">{}</text>').format(to_x - 92, to_y - 5, said)
    return Markup('<g><title>{}</title><path class="edge" d="{}"/>{}</g>').format("\n".join(kinds), curve, text)


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
