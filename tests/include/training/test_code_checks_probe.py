import numpy as np
import pytest

from include.projects import load_project
from include.projects.digits import model as digits_model
from include.training.code_checks_probe import check, points, references


@pytest.fixture
def scans():
    from sklearn.datasets import load_digits

    found = load_digits()
    return found.images[:40].astype(np.uint8), found.target[:40]


def kinds(problems):
    return {rule for _, _, rule, _ in problems}


def test_sound_components_give_no_finding(digits, scans):
    assert check(digits, *scans) == []


def test_every_function_that_a_project_names_is_tried():
    named = references(load_project("breast_masses"))
    assert "components.model" not in named and any(place.startswith("training.families.") for place in named)
    assert any(place.startswith("training.tests.") for place in named)
    assert {"components.preprocess", "components.model", "components.postprocess"} <= set(references(load_project("digits")))


def test_a_point_of_each_family_is_tried(building):
    families = {"deep": {"model": "model:build"}, "flat": {"model": "model:build"}}
    project = building("digits", families=families)
    assert sorted(point["family"] for point in points(project)) == ["deep", "flat"]


def raising(params):
    return {}["망가졌다"]


def narrow(params):
    from torch import nn

    return nn.Sequential(nn.Flatten(), nn.Linear(64, 7))


def text(params):
    return "no model"


def pair(params):
    from torch import nn

    class Pair(nn.Module):
        def forward(self, x):
            return x, x

    return Pair()


def endless_numbers(params):
    from torch import nn

    class Nan(nn.Module):
        def __init__(self):
            super().__init__()
            self.line = nn.Linear(64, 10)

        def forward(self, x):
            return self.line(x.flatten(1)) * float("nan")

    return Nan()


def deaf(params):
    """A network without anything to learn."""
    from torch import nn

    class Deaf(nn.Module):
        def forward(self, x):
            return x.flatten(1)[:, :10]

    return Deaf()


@pytest.mark.parametrize(
    ("build", "rule", "says"),
    [
        (raising, "build", "망가졌다"),
        (text, "build", "built str: wanted a torch module"),
        (narrow, "shape", "the model gives outputs (40, 7) for 40 items, wanted (40, 10)"),
        (pair, "type", "the model gives tuple, wanted a tensor"),
        (endless_numbers, "not-finite", "not finite before it has learnt"),
        (deaf, "fit", "learning from 40 rows"),
    ],
)
def test_a_model_that_is_none_is_named(building, scans, build, rule, says):
    (found,) = check(building("digits", build=build), *scans)
    assert found[0] == "model.py" and found[2] == rule and says in found[3]


@pytest.mark.parametrize(
    ("component", "wrong", "rule", "says"),
    [
        ("preprocess", lambda images: images / 0 * 1.0, "prepare", "not finite"),
        ("preprocess", lambda images: images[:3, None] / 16.0, "prepare", "lost rows"),
        ("preprocess", lambda images: images.mean((1, 2)), "shape", "a row of numbers for each item"),
        ("preprocess", lambda images: (images / images.max())[:, None] - images.mean(), "alone", "otherwise when it comes alone"),
        ("postprocess", lambda logits: logits[:, :3], "answers", "wanted a dict of LABEL and PROBABILITIES, not ndarray"),
        ("postprocess", lambda logits: 1 // 0, "postprocess", "ZeroDivisionError"),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_component_that_does_not_fit_is_named(building, scans, component, wrong, rule, says):
    reference = f"{component}:{component}"
    project = building("digits", functions={reference: wrong})
    problems = check(project, *scans)
    assert rule in kinds(problems), problems
    (found,) = [one for one in problems if one[2] == rule]
    assert found[0] == f"{component}.py" and says in found[3]


def test_items_that_preparing_changes_are_told(building, scans):
    def greedy(images):
        images[:, 0, 0] = 3
        return images[:, None] / np.float32(16)

    assert "input-changed" in kinds(check(building("digits", functions={"preprocess:preprocess": greedy}), *scans))


def test_a_model_that_cannot_be_exported_is_named(building, scans):
    def build(params):
        from torch import nn

        class Sorted(nn.Module):
            def __init__(self):
                super().__init__()
                self.line = nn.Linear(64, 10)

            def forward(self, x):
                outputs = self.line(x.flatten(1))
                return outputs if outputs.sum() > 0 else outputs * 2

        return Sorted()

    (found,) = check(building("digits", build=build), *scans)
    assert (found[0], found[2]) == ("model.py", "export") and "exporting as ONNX" in found[3]


def test_the_line_is_that_of_the_projects_own_code(digits, scans, monkeypatch):
    monkeypatch.setattr(digits_model, "DEFAULTS", {})
    (found,) = check(digits, *scans)
    assert found[0] == "model.py" and found[1] > 20 and found[2] == "build" and "KeyError" in found[3]


def test_estimators_of_a_table_are_tried(masses):
    part = masses["train"]
    assert check(load_project("breast_masses"), part.contents.iloc[:60].reset_index(drop=True), part.labels[:60]) == []
