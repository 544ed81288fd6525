import dataclasses

import numpy as np
import pytest

from include.training.baseline import baseline
from include.training.parts import Arrays


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
    # Inputs that do not tell the level leave a linear model behind.
    windows = {name: dataclasses.replace(part, inputs=part.inputs[:, :, :3]) for name, part in windows.items()}
    name, outputs = baseline(project, windows)
    assert name == "last value"
    assert outputs == pytest.approx(windows["test"].contents[:, -1, 0])
    shuffled = project.model_copy(update={"split": project.split.model_copy(update={"method": "random"})})
    assert baseline(shuffled, windows)[0] in ("ridge regression", "mean")


def test_texts_are_told_by_their_words(building):
    project = building("support_tickets")
    said = [("배송이 늦어요", 0), ("parcel is late", 0), ("환불해 주세요", 1), ("refund please", 1)] * 10
    texts, labels = np.array([f"{text} {n}" for n, (text, _) in enumerate(said)], dtype=object), np.array([at for _, at in said])
    # The numbers of terms say nothing to a linear model.
    part = Arrays(
        texts, np.random.default_rng(0).integers(0, 900, (len(texts), 6)).astype(np.float32), labels, ["dev"] * len(texts)
    )
    name, outputs = baseline(project, {"train": part, "validation": part, "test": part})
    assert name == "logistic regression" and (outputs.argmax(1) == labels).all()
