"""What makes a step be computed again, and what does not."""

from __future__ import annotations

import pytest

from include.components.graph import components
from include.components.step import cache_key

SPLIT = {"split_digest": "sha256:ab", "commit": "c0"}
OUTPUTS = {"outputs": {name: {"digest": f"sha256:{name}"} for name in ("train", "validation", "rows")}}


def key(project, step, split=SPLIT, upstream=OUTPUTS):
    return cache_key(project, split, step, components(project)[step], {"prepare": upstream, "rows": upstream})


@pytest.fixture
def made(with_steps, steps):
    steps["rows"] = {"use": "samples:rows", "inputs": {"items": "data.train"}, "title": "행"}
    steps["end"] = {"use": "samples:mean", "inputs": {"rows": "rows.rows"}}
    return steps, with_steps(steps)


def test_the_same_is_the_same(made, with_steps):
    steps, project = made
    steps["rows"] |= {"title": "다른 이름", "timeout_minutes": 3, "max_output_mb": 5}
    steps["rows"]["params"] = {"count": 4}  # its default
    again = with_steps(steps, name=project.name)
    assert {name: key(again, name) for name in steps} == {name: key(project, name) for name in steps}
    assert len({key(project, name) for name in steps}) == 4


def test_params_inputs_seed_and_data_count(made, with_steps):
    steps, project = made
    before = {name: key(project, name) for name in steps}
    steps["rows"]["params"] = {"count": 5}
    other = with_steps(steps, name=project.name)
    assert {name for name in steps if key(other, name) != before[name]} == {"rows"}
    assert key(project, "rows", {**SPLIT, "split_digest": "sha256:cd"}) != before["rows"]
    assert key(project, "end", {**SPLIT, "split_digest": "sha256:cd"}) == before["end"]
    changed = {"outputs": {**OUTPUTS["outputs"], "rows": {"digest": "sha256:other"}}}
    assert key(project, "end", upstream=changed) != before["end"] and key(project, "rows", upstream=changed) == before["rows"]
    seeded = project.model_copy(update={"training": project.training.model_copy(update={"seed": 99})})
    assert key(seeded, "end") != before["end"]


def test_code_counts_where_it_is_reached(made):
    _, project = made
    before = {name: key(project, name) for name in project.workflow.steps}

    def changed(file: str, text: str) -> set[str]:
        path = project.folder / file
        was = path.read_text() if path.exists() else None
        path.write_text(text if was is None else was + text)
        found = {name for name in before if key(project, name) != before[name]}
        path.unlink() if was is None else path.write_text(was)
        return found

    assert changed("samples.py", "\n\n# only said\n") == set()
    # Steps that get the project may reach any of its modules by name, but for those that hold other steps alone.
    assert changed("own.py", "x = 1\n") == {"prepare", "forest"}
    assert changed("preprocess.py", "from include.projects import samples\n") == {"prepare", "forest"}


def test_packages_that_compute_count(made, monkeypatch):
    _, project = made
    before = key(project, "forest")
    monkeypatch.setattr("include.components.step.environment", lambda: {"numpy": "0.0.1"})
    assert key(project, "forest") != before
