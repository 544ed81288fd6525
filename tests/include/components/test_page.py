from __future__ import annotations

from include.components.graph import edges
from include.components.page import drawing, graph_page

DONE = {
    "step": "forest", "use": "forest@1", "run_id": "r1",
    "outputs": {"model": {"type": "Model", "digest": "d", "bytes": 2_500_000}},
    "figures": {"figures": {"validation_accuracy": 0.9375}}, "seconds": 12.25, "cached": False,
}  # fmt: skip


def test_the_page_shows_graph_types_and_times(wine):
    done = {"forest": DONE, "prepare": {**DONE, "step": "prepare", "cached": True, "figures": {}, "outputs": {}, "seconds": 3.0}}
    html = graph_page(wine, done, {"run_id": "final", "metrics": {"validation_accuracy": 0.975}})
    for text in (
        "<svg",
        "랜덤 포레스트",
        "forest@1",
        "model: Model",
        "train: Tensor[float32]",
        "12.25 s",
        "3.00 s saved",
        "2.50 MB",
    ):
        assert text in html, text
    assert "1 computed in 12.2 s, 1 not computed again, which saved 3.0 s" in html
    assert "0.9375" in html and "final" in html and "0.975" in html and html.count("not run yet") == 5
    assert "<script" not in html and "http://" not in html and "https://" not in html
    assert html.count('class="box') == 8 and 'class="box model"' in html and 'class="box cached"' in html


def test_what_people_wrote_is_escaped(wine):
    step = wine.workflow.steps["forest"].model_copy(update={"title": "<script>alert('나')</script>"})
    workflow = wine.workflow.model_copy(update={"steps": {**wine.workflow.steps, "forest": step}})
    html = graph_page(wine.model_copy(update={"workflow": workflow}), {})
    assert "<script" not in html and "&lt;script&gt;" in html


def test_branches_stand_below_each_other(wine):
    svg = str(drawing(wine, {}))
    pairs = {(one.source, one.step) for one in edges(wine)}
    width = int(svg.partition('viewBox="0 0 ')[2].split()[0])
    assert width > 6 * 190 and svg.count('class="edge"') == len(pairs)
