from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

from include.data.lineage import svg
from include.data.lineage.view import MOST


def node(one: str, kind: str = "round", **more: Any) -> dict[str, Any]:
    return {"id": one, "kind": kind, "name": one, "created": one, "by": "", "link": None, "about": {}, **more}


def drawn(asset: str, nodes: list[dict[str, Any]], edges: list[tuple[str, str]]) -> str:
    return str(svg({"asset": asset, "nodes": nodes, "edges": [{"from": a, "to": b} for a, b in edges], "problems": []}))


def test_layers_go_from_left_to_right() -> None:
    page = drawn(
        "v", [node("s", "source"), node("r"), node("v", "version"), node("m", "model")], [("s", "r"), ("r", "v"), ("v", "m")]
    )
    ElementTree.fromstring(page)  # well-formed
    places = {name: int(x) for name, x in re.findall(r"<title>(\w)</title><rect x=\"(\d+)\"", page)}
    assert places["s"] < places["r"] < places["v"] < places["m"]
    assert page.count("<path") == 3 and 'stroke-width="3"' in page


def test_many_are_drawn_as_one() -> None:
    rounds = [node(f"r{number:04d}") for number in range(1000)]
    page = drawn("v", [*rounds, node("v", "version")], [(one["id"], "v") for one in rounds])
    assert page.count("<rect") == MOST + 1 and "989 earlier ones" in page and len(page) < 20_000


def test_hostile_names_and_links_are_escaped() -> None:
    nasty = "</title><script>alert(1)</script>"
    page = drawn(
        "a", [node("a", name=nasty, link="javascript:alert(1)"), node(nasty, nasty, link='https://x/"><b>')], [("a", nasty)]
    )
    ElementTree.fromstring(page)
    assert "<script" not in page and "javascript:" not in page and 'href="https://x/&#34;&gt;&lt;b&gt;"' in page


def test_a_circle_is_drawn_all_the_same() -> None:
    page = drawn("a", [node("a"), node("b"), node("c")], [("a", "b"), ("b", "c"), ("c", "a")])
    assert page.count("<rect") == 3 and page.count("<path") == 3


def test_one_alone_and_none() -> None:
    assert drawn("a", [node("a", name="한글 이름이 아주아주 길어서 다 보일 수 없는 것 😀")], []).count("<rect") == 1
    assert svg({"asset": "a", "nodes": [], "edges": [], "problems": []}) == ""
