"""What makes a step be computed again, and what does not."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from include.components.graph import components
from include.components.step import cache_key
from include.projects import load_project
from include.settings import ROOT

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


KEYS = """
import json
from include.components.graph import components, upstream
from include.components.step import cache_key
from include.projects import load_project
project = load_project("wine_cultivars")
known, split = components(project), {"split_digest": "sha256:ab", "commit": "c0"}
outputs = {name: {"outputs": {key: {"digest": f"sha256:{name}.{key}"} for key in one.outputs}} for name, one in known.items()}
found = {name: cache_key(project, split, name, known[name], {n: outputs[n] for n in upstream(project, name)}) for name in known}
print(json.dumps(found))
"""


def test_another_process_finds_what_one_did(capsys):
    exec(KEYS, {})  # as the tasks of one run would
    here = json.loads(capsys.readouterr().out)
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "7"}
    done = subprocess.run([sys.executable, "-c", KEYS], env=env, cwd=ROOT.parent, capture_output=True, text=True, timeout=120)
    assert json.loads(done.stdout) == here, done.stderr[-2000:]
    assert set(here) == set(load_project("wine_cultivars").workflow.steps) and len(set(here.values())) == len(here)


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
    own = project.folder / "samples.py"
    was = own.read_text(encoding="utf-8")
    own.write_text(was.replace("return np.ones((count, 2)", "return np.zeros((count, 2)"), encoding="utf-8")
    found = {name for name in before if key(project, name) != before[name]}
    own.write_text(was, encoding="utf-8")
    assert "rows" in found and not found & {"prepare", "forest"}
    # Steps that get the project may reach any of its modules by name, but for those that hold other steps alone.
    assert changed("own.py", "x = 1\n") == {"prepare", "forest"}
    assert changed("preprocess.py", "from include.projects import samples\n") == {"prepare", "forest"}


def test_packages_that_compute_count(made, monkeypatch):
    _, project = made
    before = key(project, "forest")
    monkeypatch.setattr("include.components.step.environment", lambda: {"numpy": "0.0.1"})
    assert key(project, "forest") != before


IMPORTS = '''
"""A component that needs two more modules of its project."""

from typing import Any

from include.components import Inputs, component


@component(name="scaled", kind="preprocess", outputs={"rows": Inputs})
def scaled(rows: Inputs) -> Any:
    """Scale rows."""
    from .helper import scale

    return rows * scale()
'''


def test_what_a_component_imports_counts_in_another_folder_of_projects_too(steps, with_steps):
    steps["scaled"] = {"use": "scaled:scaled", "inputs": {"rows": "prepare.train"}}
    steps["forest"]["inputs"]["train"] = "scaled.rows"
    files = {
        "scaled.py": IMPORTS,
        "helper.py": "from . import deeper\n\n\ndef scale():\n    return deeper.BY\n",
        "deeper.py": "BY = 2\n",
    }
    project = with_steps(steps, files=files)
    assert not project.folder.is_relative_to(ROOT)
    before = key(project, "scaled")
    (project.folder / "beside.py").write_text("BY = 3\n", encoding="utf-8")
    assert key(project, "scaled") == before, "nothing imports it"
    seen = {before}
    for file, text in (("deeper.py", "BY = 3\n"), ("helper.py", "def scale():\n    return 3\n")):
        (project.folder / file).write_text(text, encoding="utf-8")
        seen.add(key(project, "scaled"))
    assert len(seen) == 3
