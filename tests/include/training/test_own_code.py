"""What the code of a project raises is final and says where; what the machine does is not."""

import importlib.util

import pytest

from include.clients.ray import RayError
from include.errors import FinalError
from include.training.errors import InputError, TrainingError, TrainingFailed
from include.training.own_code import own_code
from include.training.trial import ERROR, _last_words


@pytest.fixture
def project(digits, tmp_path):
    """Return a project whose folder holds a module that fails in its second line."""
    (tmp_path / "model.py").write_text('def fit(width):\n    return {}["폭"]\n', encoding="utf-8")
    return digits.model_copy(update={"folder": tmp_path})


def test_its_place_and_parameters_are_told(project):
    spec = importlib.util.spec_from_file_location("failing", project.folder / "model.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    said = r"the training of digits with {'width': 3} raised KeyError: '폭' \(model\.py, line 2\); mend the code"
    with pytest.raises(TrainingError, match=said) as raised, own_code(project, {"width": 3}):
        module.fit(3)
    assert isinstance(raised.value, FinalError) and isinstance(raised.value.__cause__, KeyError)
    with pytest.raises(TrainingError, match=r"raised ValueError: no message; mend"), own_code(project, {}):
        raise ValueError


@pytest.mark.parametrize(
    "cause",
    [
        ConnectionError("the hub does not answer"),
        MemoryError(),
        RayError("the cluster is gone"),
        TrainingFailed("the 2 workers ended"),
        InputError("batch_size must be at least 1"),
    ],
)
def test_what_is_not_of_the_code_passes_as_it_is(project, cause):
    with pytest.raises(type(cause)) as raised, own_code(project, {}):
        raise cause
    assert raised.value is cause


def test_what_ray_raises_passes_as_it_is(project):
    from ray.exceptions import ActorDiedError

    with pytest.raises(ActorDiedError), own_code(project, {}):
        raise ActorDiedError


def test_a_trial_tells_what_its_code_raised_and_leaves_the_machine_to_ray(monkeypatch):
    told = []
    monkeypatch.setattr("ray.tune.report", told.append)
    with _last_words() as said:
        raise ValueError("폭이 0입니다")
    assert said and told[0][ERROR].endswith("ValueError: 폭이 0입니다\n")
    with pytest.raises(MemoryError), _last_words():
        raise MemoryError
    assert len(told) == 1
