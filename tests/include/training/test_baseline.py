import dataclasses

import numpy as np
import pytest

from include.training.baseline import baseline


def test_digits_are_guessed_by_a_logistic_regression(digits, arrays):
    name, outputs = baseline(digits, arrays)
    assert name == "logistic regression" and outputs.shape == (200, 10)
    assert (outputs.argmax(1) == arrays["test"].labels).mean() > 0.85


def test_inputs_that_say_nothing_leave_the_most_frequent_class(digits, arrays):
    draw = np.random.default_rng(0)
    noise = {
        name: dataclasses.replace(
            part,
            inputs=draw.normal(size=(len(part.labels), 60)).astype(np.float32),
            labels=np.where(draw.random(len(part.labels)) < 0.7, 3, part.labels),
        )
        for name, part in arrays.items()
    }
    name, outputs = baseline(digits, noise)
    assert name == "most frequent class" and set(outputs.argmax(1)) == {3}
    assert outputs.sum(1) == pytest.approx(1)


def test_a_class_that_train_lacks_gets_no_chance(digits, arrays):
    rows = arrays["train"].labels < 8
    few = dataclasses.replace(arrays["train"], inputs=arrays["train"].inputs[rows], labels=arrays["train"].labels[rows])
    name, outputs = baseline(digits, {**arrays, "train": few})
    assert name == "logistic regression" and outputs.shape == (200, 10) and not outputs[:, 8:].any()


def test_wide_inputs_are_projected(digits, arrays):
    wide = {
        name: dataclasses.replace(part, inputs=np.repeat(part.inputs.reshape(len(part.inputs), -1), 70, 1))
        for name, part in arrays.items()
    }
    _, outputs = baseline(digits, wide)
    assert (outputs.argmax(1) == arrays["test"].labels).mean() > 0.85


def test_windows_go_on_as_they_ended(building, windows):
    project = building("co2_levels")
    name, outputs = baseline(project, windows)
    assert name == "last value"
    assert outputs == pytest.approx(windows["test"].contents[:, -1, 0])
    shuffled = project.model_copy(update={"split": project.split.model_copy(update={"method": "random"})})
    assert baseline(shuffled, windows)[0] in ("ridge regression", "mean")
