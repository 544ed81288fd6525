import math
import re
from types import SimpleNamespace

import pytest

from include.projects import load_project
from include.settings import Settings
from include.training import reproduction_report as module
from include.training.reproduction_report import SAME, compared, differences, report_page

THEN = {
    "project_code": "sha256:a",
    "code_digest": "sha256:then",
    "git_commit": "c0ffee",
    "environment.cpu": "old",
    "environment.gpu": "H200",
    "environment.numpy": "1.0",
}


def a_run(run_id, history, tags=(), **metrics):
    """Return a run with figures of its epochs, and a reader of them."""
    last = {name: values[-1] for name, values in history.items()}
    data = SimpleNamespace(metrics={**last, **metrics}, tags=dict(tags), params={})
    return SimpleNamespace(info=SimpleNamespace(run_id=run_id, experiment_id="1"), data=data, history=history)


def told(original, made):
    def history(run_id, name):
        values = (original if run_id == "a" else made).history.get(name, [])
        return [SimpleNamespace(step=step, value=value) for step, value in enumerate(values)]

    return compared(SimpleNamespace(get_metric_history=history), load_project("digits"), original, made)


def test_every_epoch_and_the_test_part_count():
    first = a_run("a", {"train_loss": [2.0, 1.0]}, best_epoch=2, test_accuracy=0.9, test_tests_passed=6)
    same = a_run("b", {"train_loss": [2.0, 1.0]}, best_epoch=2, test_accuracy=0.9)
    assert told(first, same)["identical"] and told(first, same)["differing"] == []
    assert set(told(first, same)["metrics"]) == {"best_epoch", "test_accuracy"}  # the tests were not run again
    epoch = told(first, a_run("b", {"train_loss": [2.5, 1.0]}, best_epoch=2, test_accuracy=0.9))
    assert (epoch["differing"], epoch["largest_difference"], epoch["identical"]) == (["train_loss"], 0.5, False)
    test = told(first, a_run("b", {"train_loss": [2.0, 1.0]}, best_epoch=2, test_accuracy=0.8))
    assert test["differing"] == ["test_accuracy"] and test["metrics"]["test_accuracy"]["difference"] == pytest.approx(-0.1)


def test_what_is_missing_is_no_identical_figure_and_no_number_is_the_same_as_no_number():
    first = a_run("a", {"train_loss": [2.0, 1.0]}, test_accuracy=0.9, test_roc_auc=math.nan, test_accuracy_low=0.8)
    fewer = told(first, a_run("b", {"train_loss": [2.0]}, test_roc_auc=math.nan))
    assert fewer["differing"] == ["train_loss", "test_accuracy"] and fewer["largest_difference"] is None
    assert fewer["metrics"]["test_accuracy"] == {"was": 0.9, "is": None, "difference": None}
    assert "test_accuracy_low" not in fewer["metrics"]  # an interval that was too slow to draw says nothing of the model
    lost = told(first, a_run("b", {"train_loss": [2.0, math.nan]}, test_accuracy=0.9, test_roc_auc=0.5))
    assert lost["differing"] == ["train_loss", "test_roc_auc"] and not lost["identical"]


@pytest.mark.parametrize("before", ["numpy==1.0\nTorch_Vision==2\nsame==1\n", None])
def test_every_package_and_part_of_the_machine_that_is_another_is_named(monkeypatch, before):
    monkeypatch.setattr(module, "code_digest", lambda project: "sha256:now")
    monkeypatch.setattr(module, "git_commit", lambda: "bead")
    monkeypatch.setattr(module, "environment", lambda: {"cpu": "new", "numpy": "2.0", "ram": "8"})
    monkeypatch.setattr(module, "packages", lambda: "numpy==2.0\nsame==1\nnew-one==3\n")
    monkeypatch.setattr(module, "packages_of", lambda client, run_id: before and module.installed(before))
    lines = differences(None, load_project("digits"), a_run("a", {}, THEN))
    assert lines[:4] == [
        "code: commit c0ffee then, bead now (of the product; the project's own is that of the run)",
        "cpu: old then, new now",
        "gpu: H200 then, none now",
        "ram: not recorded then, 8 now",
    ]
    packages = ["package new-one: none then, 3 now", "package numpy: 1.0 then, 2.0 now", "package torch-vision: 2 then, none now"]
    assert lines[4:] == (packages if before else ["packages: not recorded"])


def test_the_page_marks_what_differs_and_says_where_nothing_does():
    def page(first, second, differs):
        report = {**told(first, second), "evaluated": True, "differs": differs}
        return re.sub(r"\s+", " ", report_page(Settings(), load_project("digits"), first, second, report))

    first = a_run("a", {"train_loss": [2.0]}, best_epoch=2, test_accuracy=0.9, test_log_loss=0.5)
    same = page(first, a_run("b", {"train_loss": [2.0]}, best_epoch=2, test_accuracy=0.9, test_log_loss=0.5), [])
    assert "Every metric is identical" in same and SAME in same and "<td></td>" in same and "(0" not in same
    other = page(first, a_run("b", {"train_loss": [3.0]}, best_epoch=2, test_accuracy=0.8), ["cpu: <old> then, new now"])
    assert "3 metrics differ" in other and "-0.1" in other and "missing" in other and ">train_loss<" in other
    assert "cpu: &lt;old&gt; then" in other and SAME not in other
