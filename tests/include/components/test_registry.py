from __future__ import annotations

import json
import subprocess
import sys
from types import SimpleNamespace

import pytest

from include.components import registry
from include.components.declare import component_of
from include.components.errors import ComponentError
from include.components.library.ensembles import soft_vote
from include.settings import ROOT


@pytest.fixture
def lock(tmp_path, monkeypatch):
    path = tmp_path / "versions.json"
    path.write_text(registry.LOCK.read_text())
    monkeypatch.setattr(registry, "LOCK", path)
    return path


def test_every_shared_component_is_registered_as_it_is(lock):
    before = lock.read_text()
    assert registry.register() == [] and lock.read_text() == before
    assert set(registry.registered()) == set(registry.shared()) and len(registry.shared()) >= 15


def test_a_registered_version_never_changes(lock):
    lock.write_text(json.dumps({**json.loads(lock.read_text()), "soft_vote@1": "sha256:" + "0" * 64}))
    before = lock.read_text()
    for refused in (lambda: registry.find("soft_vote@1"), registry.register):
        with pytest.raises(
            ComponentError, match=r"soft_vote@1 was registered with other code.*make it version 2 beside the old one"
        ):
            refused()
    assert lock.read_text() == before


def test_a_version_is_registered_once_and_used_from_then_on(lock, monkeypatch):
    from dataclasses import replace

    second = replace(component_of(soft_vote), version=2)
    known = {**registry.shared(), "soft_vote@2": second}
    monkeypatch.setattr(registry, "shared", lambda: known)
    with pytest.raises(ComponentError, match=r"soft_vote@2 is not registered: run `python -m include.components register`"):
        registry.find("soft_vote@2")
    assert registry.register() == ["soft_vote@2"] and registry.register() == []
    assert registry.find("soft_vote@2") is second and registry.find("soft_vote@1").version == 1


def test_one_that_is_gone_stops_registering(lock):
    lock.write_text(json.dumps({**json.loads(lock.read_text()), "old@1": "sha256:0"}))
    with pytest.raises(ComponentError, match="no longer there: old@1"):
        registry.register()


@pytest.mark.parametrize(
    ("use", "said"),
    [
        ("soft_vote", r"name its version, such as soft_vote@1"),
        ("soft_vote@7", r"there is soft_vote@1"),
        ("투표@1", r"write name@version"),
        ("../x@1", r"write name@version"),
        ("nothing@1", r"there are answers, balance"),
        ("steps:vote", r"local to a project: say which"),
    ],
)
def test_what_is_not_there_is_told_with_what_is(use, said):
    with pytest.raises(ComponentError, match=said):
        registry.find(use)


@pytest.mark.parametrize(
    ("use", "text", "said"),
    [
        ("other:one", "", "there is no other.py in the project's folder"),
        ("local:one", "import torch\n", "local.py line 1 imports torch: import it inside of the functions"),
        ("local:one", "from sklearn.svm import SVC\n", "line 1 imports sklearn.svm"),
        ("local:one", "def two(: ", "local.py cannot be read"),
        ("local:one", "1 / 0\n", "cannot be imported: ZeroDivisionError"),
        ("local:one", "two = 1\n", "has no attribute 'one'"),
        ("local:one", "def one(): ...\n", "is no component: put @component"),
        (
            "local:one",
            "from include.components import component\n@component(name='one', kind='x', outputs={})\ndef one() -> int: ...\n",
            "kind must be one of",
        ),
    ],
)
def test_a_local_one_that_cannot_be_used_is_told(with_steps, steps, use, text, said):
    project = with_steps(steps, files={"local.py": text})
    with pytest.raises(ComponentError, match=said):
        registry.find(use, project)


def test_two_with_one_name_are_refused(monkeypatch):
    doubled = SimpleNamespace(__name__="m", a=soft_vote)
    monkeypatch.setattr(registry, "declared", lambda module: [component_of(doubled.a)])
    with pytest.raises(ComponentError, match=r"soft_vote@1 stands in .* give one of them the next version"):
        registry.shared.__wrapped__()


def test_reading_declarations_imports_nothing_heavy():
    code = (
        "import sys\nfrom include.components.registry import HEAVY, shared\nfrom include.projects import load_project\n"
        "assert len(shared()) > 10 and load_project('wine_cultivars').workflow\n"
        "print([name for name in (*HEAVY, 'numpy', 'sqlalchemy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "[]", done.stderr[-2000:]
