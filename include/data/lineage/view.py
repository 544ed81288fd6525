"""A lineage graph as a picture: layers from left to right, drawn here, so that a page needs no script for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any

from markupsafe import Markup

from include.reports.links import link

MOST = 12  # nodes of one kind in a layer; the others are drawn as one
WIDTH, HEIGHT, ACROSS, DOWN, CHARS = 168, 40, 56, 14, 22
COLOURS = {
    "source": "#7d5ba6",
    "round": "#2f6fb5",
    "refined": "#2f8fb5",
    "labels": "#b5702f",
    "dictionary": "#8a8a3a",
    "version": "#1d7f4e",
    "bundle": "#1d7f4e",
    "split": "#5d6b7a",
    "features": "#8a8a3a",
    "run": "#96690a",
    "model": "#b3261e",
    "release": "#a03a7a",
}


def svg(graph: Mapping[str, Any]) -> Markup:
    """Return a graph of `include.data.lineage.graph` as inline SVG; the asset that it is about has a thick frame."""
    nodes, edges = _folded(graph)
    if not nodes:
        return Markup("")
    layers = _layers(nodes, edges)
    order = _order(layers, edges)
    places = {
        one: (layer * (WIDTH + ACROSS) + 4, row * (HEIGHT + DOWN) + 4)
        for layer, names in enumerate(order)
        for row, one in enumerate(names)
    }
    wide = len(order) * (WIDTH + ACROSS) - ACROSS + 8
    high = max(map(len, order)) * (HEIGHT + DOWN) - DOWN + 8
    lines = Markup("").join(_line(places[begin], places[end]) for begin, end in edges)
    boxes = Markup("").join(_box(nodes[one], *places[one], one == graph["asset"]) for one in places)
    return Markup(
        '<div style="overflow-x:auto"><svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="Lineage" width="{0}" '
        'height="{1}" viewBox="0 0 {0} {1}" font-size="12">{2}{3}</svg></div>'
    ).format(wide, high, lines, boxes)


def _folded(graph: Mapping[str, Any]) -> tuple[dict[str, dict[str, Any]], list[tuple[str, str]]]:
    """Return nodes and edges with the many nodes of one kind and neighbourhood joined into one box."""
    nodes = {one["id"]: one for one in graph["nodes"]}
    kinds: defaultdict[str, list[str]] = defaultdict(list)
    for one in graph["nodes"]:
        kinds[one["kind"]].append(one["id"])
    into: dict[str, str] = {}
    for kind, names in kinds.items():
        others = [name for name in names if name != graph["asset"]]
        if len(others) <= MOST:
            continue
        hidden = others[: -(MOST - 1)]  # the newest stay
        box = f"more/{kind}"
        nodes[box] = {"id": box, "kind": kind, "name": f"{len(hidden):,} earlier ones", "link": None, "about": {}, "created": ""}
        for one in hidden:
            into[one] = box
            del nodes[one]
    edges = {(into.get(one["from"], one["from"]), into.get(one["to"], one["to"])): None for one in graph["edges"]}
    return nodes, [edge for edge in edges if edge[0] != edge[1]]


def _layers(nodes: Mapping[str, Any], edges: Sequence[tuple[str, str]]) -> dict[str, int]:
    """Return for each node the length of the longest way to it; ways back, which folding may make, are left out."""
    before: dict[str, set[str]] = {one: set() for one in nodes}
    for begin, end in edges:
        before[end].add(begin)
    while True:
        try:
            ordered = list(TopologicalSorter(before).static_order())
            break
        except CycleError as cause:
            circle = cause.args[1]
            before[circle[1]].discard(circle[0])
    depth: dict[str, int] = {}
    for one in ordered:
        depth[one] = max((depth[other] + 1 for other in before[one]), default=0)
    for one in reversed(ordered):  # what only begins here stands close to what follows
        after = [depth[end] for begin, end in edges if begin == one and one in before[end]]
        if after and not before[one]:
            depth[one] = min(after) - 1
    return depth


def _order(depth: Mapping[str, int], edges: Sequence[tuple[str, str]]) -> list[list[str]]:
    """Return the nodes of each layer from top to bottom, each near the middle of those that it comes from."""
    layers: list[list[str]] = [[] for _ in range(max(depth.values()) + 1)]
    for one, layer in depth.items():
        layers[layer].append(one)
    found = [sorted(names) for names in layers if names]
    row = {one: place for names in found for place, one in enumerate(names)}
    for _ in range(4):
        for names in found:
            near: defaultdict[str, list[int]] = defaultdict(list)
            for begin, end in edges:
                near[end].append(row[begin])
                near[begin].append(row[end])
            middle = {one: sum(near[one]) / len(near[one]) if near[one] else row[one] for one in names}
            names.sort(key=middle.__getitem__)
            row.update({one: place for place, one in enumerate(names)})
    return found


def _line(begin: tuple[int, int], end: tuple[int, int]) -> Markup:
    x1, y1, x2, y2 = begin[0] + WIDTH, begin[1] + HEIGHT // 2, end[0], end[1] + HEIGHT // 2
    bend = max((x2 - x1) // 2, 20)
    return Markup('<path d="M{} {}C{} {} {} {} {} {}" fill="none" stroke="var(--dim)" stroke-opacity="0.55"/>').format(
        x1, y1, x1 + bend, y1, x2 - bend, y2, x2, y2
    )


def _box(node: Mapping[str, Any], x: int, y: int, chosen: bool) -> Markup:
    name = node["name"] if len(node["name"]) <= CHARS else f"{node['name'][: CHARS - 1]}…"
    colour = COLOURS.get(node["kind"], "#888888")
    box = Markup(
        '<g><title>{}</title><rect x="{}" y="{}" width="{}" height="{}" rx="5" fill="var(--soft)" stroke="{}" stroke-width="{}"/>'
        '<text x="{}" y="{}" fill="{}" font-size="10">{}</text><text x="{}" y="{}" fill="var(--ink)">{}</text></g>'
    ).format(
        node["id"], x, y, WIDTH, HEIGHT, colour, 3 if chosen else 1.2, x + 8, y + 15, colour, node["kind"], x + 8, y + 31, name
    )
    return link(box, node.get("link"))
