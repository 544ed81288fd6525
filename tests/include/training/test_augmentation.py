"""The training part is varied, the same for the same seed, and nothing else is."""

import hashlib
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from include.clients.mlflow import mlflow_client, read_file
from include.projects import load_project
from include.training import augmentation as module
from include.training import loop
from include.training.augmentation import Augmenter, said, varied, with_copies
from include.training.card import _markdown
from include.training.card_parts import Part
from include.training.errors import InputError
from include.training.learners import Learner, training_learner
from include.training.loop import train_module
from include.training.preparation import Preparation
from include.training.reproduction import reproduce
from include.training.train import train

STEPS = [{"use": "rotate", "params": {"degrees": 15}}, {"use": "shift"}, {"use": "noise", "probability": 1.0}]


def bytes_of(part):
    whole = hashlib.sha256(np.ascontiguousarray(part.contents).tobytes())
    whole.update(part.inputs.tobytes() + part.labels.tobytes())
    return whole.hexdigest()


def test_a_row_follows_from_seed_epoch_and_place_alone(building, arrays):
    project, contents = building("digits", augmentation=STEPS), arrays["train"].contents
    whole = Augmenter(project, 7)(contents, range(60), 3)
    assert whole.dtype == contents.dtype and whole.shape == (60, 8, 8) and not np.array_equal(whole, contents[:60])
    again = Augmenter(project, 7)
    pieces = [again(contents, rows, 3) for rows in ([59, 3], [4], range(20, 40))]  # as other batches and workers ask
    assert np.array_equal(pieces[0], whole[[59, 3]]) and np.array_equal(pieces[1], whole[[4]])
    assert np.array_equal(pieces[2], whole[20:40])
    assert not np.array_equal(Augmenter(project, 8)(contents, range(60), 3), whole)
    assert not np.array_equal(again(contents, range(60), 4), whole)
    assert again(contents, [], 1).shape == (0, 8, 8)


def test_a_step_more_changes_nothing_of_those_before(building, arrays):
    contents = arrays["train"].contents
    one = Augmenter(building("digits", augmentation=[{"use": "flip"}]), 7)(contents, range(200), 1)
    rare = {"use": "noise", "probability": 0.3}
    two = Augmenter(building("digits", augmentation=[{"use": "flip"}, rare]), 7)(contents, range(200), 1)
    kept = (one == two).all((1, 2)).mean()
    assert 0.6 < kept < 0.8
    turned = (one != contents[:200]).any((1, 2))
    assert 0.4 < turned.mean() < 0.6
    noisy = (one != two).any((1, 2))
    assert 0.15 < noisy[turned].mean() < 0.5 and 0.15 < noisy[~turned].mean() < 0.5, "each step draws for itself"


def test_an_epoch_sees_new_variants_and_the_other_parts_stay_byte_for_byte(building, arrays, params, monkeypatch):
    project = building("digits", augmentation=STEPS)
    before = {name: bytes_of(part) for name, part in arrays.items()}
    judged, seen, learnt = [], loop.predict_inputs, []
    kept = module.Varied.__call__

    def watch(net, inputs, *more):
        judged.append(inputs.tobytes())
        return seen(net, inputs, *more)

    def record(self, rows, epoch):
        made = kept(self, rows, epoch)
        learnt.append((epoch, np.asarray(rows).copy(), made))
        return made

    monkeypatch.setattr(loop, "predict_inputs", watch)
    monkeypatch.setattr(module.Varied, "__call__", record)
    trained = train_module(project, params, arrays, 7, 2)
    assert judged == [arrays["validation"].inputs.tobytes()] * 2
    assert {name: bytes_of(part) for name, part in arrays.items()} == before
    by_epoch = {e: sorted(int(r) for epoch, rows, _ in learnt if epoch == e for r in rows) for e in (1, 2)}
    assert by_epoch[1] == by_epoch[2] == list(range(700))
    epochs = [np.concatenate([made for e, _, made in learnt if e == epoch]) for epoch in (1, 2)]
    assert not np.array_equal(epochs[0], epochs[1])
    assert trained.history != train_module(building("digits"), params, arrays, 7, 2).history


def test_the_same_seed_gives_the_same_training(building, arrays, params):
    project = building("digits", augmentation=STEPS)
    first, second = (train_module(project, params, arrays, 3, 2) for _ in range(2))
    assert first.history == second.history
    assert train_module(project, params, arrays, 4, 2).history != first.history


def test_estimators_get_copies_of_the_training_part_alone(building, arrays):
    project = building("digits", augmentation={"steps": STEPS, "copies": 3})
    train = arrays["train"]
    more = with_copies(project, train, 7)
    assert more.inputs.shape == (2800, *train.inputs.shape[1:]) and more.inputs[:700].tobytes() == train.inputs.tobytes()
    assert np.array_equal(more.labels, np.tile(train.labels, 4)) and len(more.kinds) == 2800
    assert not np.array_equal(more.inputs[700:1400], more.inputs[1400:2100])
    assert with_copies(building("digits"), train, 7) is train and varied(building("digits"), train, 7) is None


def test_an_estimator_learns_from_copies_and_is_judged_without(building, arrays, monkeypatch):
    from sklearn.linear_model import SGDClassifier

    from include.training import estimators

    project = building("digits", lambda params: SGDClassifier(loss="log_loss"), augmentation={"steps": STEPS, "copies": 2})
    sizes = []
    kept = SGDClassifier.partial_fit
    monkeypatch.setattr(SGDClassifier, "partial_fit", lambda self, x, y, **k: (sizes.append(len(x)), kept(self, x, y, **k))[1])
    judged = []
    for name in ("validate", "measure"):
        told = getattr(estimators, name)
        monkeypatch.setattr(estimators, name, lambda on, y, out, told=told: (judged.append(len(y)), told(on, y, out))[1])
    fitted = training_learner(project, {}).fit(project, {}, arrays, 3, 2)
    assert sizes == [2100, 2100] and set(judged) == {700, 200}
    assert fitted.best["validation_accuracy"] > 0.8


def test_transforms_prepare_what_was_varied(building, arrays):
    project = building("digits", augmentation=[{"use": "noise", "probability": 1.0}], transforms=[{"use": "flat"}])
    ready = Preparation(project, [{"use": "flat", "columns": [], "params": {}, "states": [{"size": 64}]}])
    part = replace(arrays["train"], preparation=ready)
    made = varied(project, part, 7)([0, 1], 1)
    assert made.shape == (2, 64) and made.max() > 1, "pixels as they are, not by the preprocess component"


def test_steps_of_the_projects_own(building, arrays):
    def darker(value, draw, by):
        return value * (1 - by * draw.random())

    own = [{"use": "augment:darker", "probability": 1.0, "params": {"by": 0.5}}]
    project = building("digits", functions={"augment:darker": darker}, augmentation=own)
    made = Augmenter(project, 7)(arrays["train"].contents, range(50), 1)
    assert (made <= arrays["train"].contents[:50]).all() and made.sum() < arrays["train"].contents[:50].sum()
    for wrong, says in (
        (lambda value, draw, by: value[:2], "wanted"),
        (lambda value, draw, by: value * np.nan, "not finite"),
        (lambda value, draw: value, "failed: TypeError"),
    ):
        project = building("digits", functions={"augment:darker": wrong}, augmentation=own)
        with pytest.raises(InputError, match=says):
            Augmenter(project, 7)(arrays["train"].contents, [0], 1)


def test_a_learner_that_does_not_vary_is_refused(building, arrays):
    class Own(Learner):
        def fit(self, *given, **more):
            raise AssertionError

        def load(self, *given):
            raise AssertionError

    project = building("digits", lambda params: Own(), augmentation=STEPS)
    with pytest.raises(InputError, match="Own of digits does not say that it varies"):
        training_learner(project, {})
    assert isinstance(training_learner(building("digits", lambda params: Own()), {}), Own)
    with pytest.raises(InputError, match="inputs alone were given"):
        varied(project, replace(arrays["train"], contents=None), 7)


def test_what_a_run_remembers(building):
    project = building("digits", augmentation={"steps": [{"use": "rotate", "params": {"degrees": 5}}], "copies": 2})
    assert said(project.training.augmentation) == {"augmentation": 'rotate p=0.5 {"degrees": 5}', "augmentation_copies": "2"}
    assert said(building("digits").training.augmentation) == {}
    assert module.digest(project.training.augmentation) != module.digest(building("digits").training.augmentation)


@pytest.mark.integration
def test_a_training_is_reproduced_with_the_augmentation_of_its_record(settings, tmp_path, served, split, params):
    folder = tmp_path / "projects" / "digits"
    shutil.copytree(load_project("digits").folder, folder, ignore=shutil.ignore_patterns("__pycache__"))
    kept = (folder / "project.yaml").read_text(encoding="utf-8")
    wish = f"  augmentation: {json.dumps(STEPS)}\n  seed: 7"
    (folder / "project.yaml").write_text(kept.replace("  seed: 7", wish), encoding="utf-8")
    project = load_project("digits", folder.parent)
    assert project.training.augmentation
    made = train(settings, project, split, params, epochs=2)
    client = mlflow_client(settings)
    run = client.get_run(made["run_id"])
    assert run.data.params["augmentation"].startswith("rotate p=0.5") and run.data.tags["augmentation_digest"]
    assert b"rotate" in read_file(client, made["run_id"], module.FILE)
    (folder / "project.yaml").write_text(kept, encoding="utf-8")  # it says nothing of it any more
    report = reproduce(settings, load_project("digits", folder.parent), run_id=made["run_id"])
    assert report["identical"] and report["largest_difference"] == 0
    assert "augmentation" in _markdown("t", project, [Part("Hyperparameters", sorted(run.data.params.items()))])
