import numpy as np
import pytest

from include.training.errors import InputError, TrainingError
from include.training.learners import predict
from include.training.loop import train_module
from include.training.scores import macro_f1


def test_same_seed_gives_the_same_numbers_and_weights(digits, arrays, params):
    import torch

    first = train_module(digits, params, arrays, seed=3, epochs=3)
    torch.manual_seed(99)  # what else draws random numbers must not matter
    second = train_module(digits, params, arrays, seed=3, epochs=3)
    assert first.history == second.history
    assert all(torch.equal(a, b) for a, b in zip(first.module.parameters(), second.module.parameters(), strict=True))
    assert train_module(digits, params, arrays, seed=4, epochs=3).history != first.history


def test_the_callers_torch_is_left_as_it_was(digits, arrays, params):
    import torch

    threads, state = torch.get_num_threads(), torch.get_rng_state()
    train_module(digits, params, arrays, seed=3, epochs=1)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.are_deterministic_algorithms_enabled()


def test_weights_of_the_best_epoch_are_kept(digits, arrays, params):
    seen = []
    trained = train_module(digits, {**params, "learning_rate": 0.03}, arrays, 3, 8, on_epoch=seen.append)
    assert seen == trained.history and len(seen) == 8
    best = max(seen, key=lambda e: (e["validation_accuracy"], -e["validation_loss"]))
    assert trained.best == best != seen[-1]
    part = arrays["validation"]
    probabilities = predict(trained, digits, part.contents)
    assert (probabilities.argmax(1) == part.labels).mean() == pytest.approx(best["validation_accuracy"])
    loss = -np.log(probabilities[np.arange(len(part.labels)), part.labels].clip(1e-12, 1)).mean()
    assert loss == pytest.approx(best["validation_loss"])
    assert not trained.module.training


def test_it_learns(digits, arrays, params):
    trained = train_module(digits, params, arrays, 3, 10)
    probabilities = predict(trained, digits, arrays["test"].contents)
    assert (probabilities.argmax(1) == arrays["test"].labels).mean() > 0.93
    assert probabilities.shape == (200, 10) and np.allclose(probabilities.sum(1), 1, atol=1e-5)


def test_a_warm_start_goes_on_where_the_other_ended(digits, arrays, params):
    first = train_module(digits, params, arrays, 3, 5)
    warm = train_module(digits, params, arrays, 3, 1, initial=first.module.state_dict())
    cold = train_module(digits, params, arrays, 3, 1)
    assert warm.history[0]["train_loss"] < cold.history[0]["train_loss"] / 3


def test_weights_of_another_architecture_are_refused(digits, arrays, params):
    first = train_module(digits, params, arrays, 3, 1)
    with pytest.raises(InputError, match="another architecture"):
        train_module(digits, {**params, "hidden": 32}, arrays, 3, 1, initial=first.module.state_dict())


@pytest.mark.parametrize("wrong", [{"batch_size": 0}, {"learning_rate": -1}, {"channels": 0}, {"hidden": "many"}])
def test_params_that_do_not_fit_are_named(digits, arrays, params, wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        train_module(digits, {**params, **wrong}, arrays, 3, 1)


def test_a_loss_that_is_no_number_ends_the_training(digits, arrays, params):
    with pytest.raises(TrainingError, match="lower learning_rate"):
        train_module(digits, {**params, "learning_rate": 1e30}, arrays, 3, 3)


def test_macro_f1_agrees_with_scikit_learn():
    from sklearn.metrics import f1_score

    rng = np.random.default_rng(0)
    labels, guess = rng.integers(0, 4, 100), rng.integers(1, 6, 100)
    assert macro_f1(labels, guess) == pytest.approx(f1_score(labels, guess, average="macro"))


def test_weights_of_another_architecture_are_told(digits, arrays, params):
    wide = train_module(digits, {**params, "hidden": 32}, arrays, 0, 1).module.state_dict()
    with pytest.raises(InputError, match=r"6\.weight is \(32, 512\) in it and \(64, 512\) here; .*start_from\.anew"):
        train_module(digits, params, arrays, 0, 1, initial=wide)
    with pytest.raises(InputError, match=r"9\.bias is missing in it"):
        train_module(digits, {**params, "hidden": 32}, arrays, 0, 1, initial={k: v for k, v in wide.items() if k != "9.bias"})
