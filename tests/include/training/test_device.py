"""Networks compute on the device that the job has, and what is kept of them is read on the CPU."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from include.clients.onnx import run, session
from include.projects import Project, load_project
from include.training import device, preparation
from include.training.errors import InputError
from include.training.learners import Fitted, learner
from include.training.loop import train_module
from include.training.parts import Arrays, prepare
from tests.include.training.accelerator import NAME, accelerator

PARAMS: dict[str, Any] = {"learning_rate": 0.003, "batch_size": 16, "hidden": 16, "dropout": 0.1}
NAMES = ["digits", "support_tickets", "co2_levels", "digit_maps", "pole_balance"]


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that gives this machine a GPU, as far as one is chosen, and says what the job has."""
    import torch

    def made(gpus: str, runtime: str, lent: list[str] | None) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setenv("DEVMLOPS_JOB_GPUS", gpus)
        monkeypatch.setenv("DEVMLOPS_JOB_RUNTIME", runtime)
        monkeypatch.setattr(device, "_lent", lambda: lent)
        monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)

    return made


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give networks a device that is not the CPU (see `accelerator`)."""
    import torch

    monkeypatch.setattr(device, "chosen", lambda: torch.device(NAME))
    with accelerator() as found:
        yield found


@pytest.fixture(scope="module")
def given(digits: Project, arrays: dict[str, Arrays], windows: dict[str, Arrays]) -> Any:
    """Return parts of a shipped project, small ones."""

    def parts(name: str) -> tuple[Project, dict[str, Any], dict[str, Arrays]]:
        project, draw = load_project(name), np.random.default_rng(0)
        if name == "digits":
            return project, PARAMS, {part: _first(arrays[part], 64) for part in ("train", "validation")}
        if name == "co2_levels":
            few = {part: _first(windows[part], 20) for part in ("train", "validation")}
            return project, {**PARAMS, "dropout": 0.0}, few
        if name == "support_tickets":
            tokens = draw.integers(0, 1500, (60, 48)).astype(np.float32)
            whole = Arrays(tokens, tokens, draw.integers(0, 5, 60), ["dev"] * 60)
            return project, {**PARAMS, "width": 8}, {"train": whole, "validation": _first(whole, 20)}
        if name == "digit_maps":
            images = draw.integers(0, 17, (60, 8, 8)).astype(np.uint8)
            whole = prepare(project, images, np.full(60, -1), "train")
            return project, {**PARAMS, "family": "autoencoder"}, {"train": whole, "validation": _first(whole, 20)}
        whole = _log(project, 60)
        return project, PARAMS, {"train": whole, "validation": replace(_first(whole, 20), preparation=whole.preparation)}

    return parts


def _first(part: Arrays, rows: int) -> Arrays:
    return Arrays(part.contents[:rows], part.inputs[:rows], part.labels[:rows], part.kinds[:rows])


def _log(project: Project, rows: int) -> Arrays:
    import pandas as pd

    wanted, draw = project.control, np.random.default_rng(rows)
    assert wanted is not None
    table = pd.DataFrame(draw.normal(size=(rows, 8)), columns=[*wanted.state, *wanted.next_state])
    table[wanted.reward], table[wanted.done], table[wanted.episode] = 1.0, draw.random(rows) < 0.1, "1"
    table["step"] = np.arange(rows)
    table[wanted.action] = draw.integers(0, 2, rows)
    return prepare(project, table, np.full(rows, -1), "train", preparation=preparation.fit(project, table))


@pytest.mark.parametrize(
    ("gpus", "runtime", "lent", "wanted"),
    [
        ("", "", None, "cuda"),  # no job, or one in an environment that says nothing
        ("", "local", None, "cuda"),
        ("0", "local", None, "cpu"),
        ("1", "docker", None, "cuda"),
        ("0", "kubernetes", None, "cpu"),
        ("0.5", "ray", None, "cuda"),
        ("0", "ray", ["1"], "cuda"),  # a trial that asks for a share
        ("0", "local", ["0"], "cuda"),
        ("1", "ray", [], "cpu"),  # the GPUs of a cluster are not for who did not ask
        ("1", "local", [], "cuda"),
        ("", "local", [], "cuda"),
        ("0", "local", [], "cpu"),
    ],
)
def test_a_job_computes_on_what_it_was_given(gpu: Any, gpus: str, runtime: str, lent: list[str] | None, wanted: str) -> None:
    gpu(gpus, runtime, lent)
    assert device.chosen().type == wanted
    assert os.environ.get("CUBLAS_WORKSPACE_CONFIG") == (":4096:8" if wanted == "cuda" else None)
    with device.on_cpu():
        assert device.chosen().type == "cpu"
    assert device.chosen().type == wanted


def test_a_gpu_that_torch_does_not_see_is_told(gpu: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    gpu("1", "docker", None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", None)
    assert device.chosen().type == "cpu"
    told = f"the CPU, though the job has a GPU: torch {torch.__version__} "
    assert device.said(device.chosen()) == f"{told}has no CUDA"
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    assert device.said(device.chosen()) == f"{told}sees none"
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda one: "NVIDIA H200")
    assert device.said(torch.device("cuda", 0)) == "cuda:0 NVIDIA H200"
    for gpus in ("0", ""):
        gpu(gpus, "local", None)
        assert device.said(torch.device("cpu")) == "the CPU"


def test_a_worker_of_ray_is_told_from_its_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    def ray(started: bool, actor: str | None, ids: list[str]) -> Any:
        here = SimpleNamespace(get_actor_id=lambda: actor, get_accelerator_ids=lambda: {"GPU": ids})
        return SimpleNamespace(is_initialized=lambda: started, get_runtime_context=lambda: here)

    for started, actor, ids, found in ((False, None, [], None), (True, None, ["0"], None), (True, "a1", ["2"], ["2"])):
        monkeypatch.setitem(sys.modules, "ray", ray(started, actor, ids))
        assert device._lent() == found


def test_a_gpu_draws_from_the_seed_and_may_lack_a_deterministic_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    forked, kept = [], torch.random.fork_rng
    monkeypatch.setattr(torch.random, "fork_rng", lambda devices: forked.append(devices) or kept(devices=[]))
    for where, lenient in ((torch.device("cuda", 0), True), (torch.device("cpu"), False)):
        with device.deterministic(3, where):
            assert torch.are_deterministic_algorithms_enabled() and torch.initial_seed() == 3
            assert torch.is_deterministic_algorithms_warn_only_enabled() == lenient
        assert not torch.are_deterministic_algorithms_enabled() and not torch.is_deterministic_algorithms_warn_only_enabled()
    assert forked == [[torch.device("cuda", 0)], []]


@pytest.mark.parametrize("name", NAMES)
def test_a_network_learns_on_the_device_what_it_learns_on_the_cpu(name: str, given: Any, tmp_path: Any) -> None:
    import torch

    project, params, parts = given(name)
    teacher, inputs = learner(project, params), parts["validation"].inputs
    plain: Any = teacher.fit(project, params, parts, 7, 2)
    with pytest.MonkeyPatch.context() as patch, accelerator() as used:
        patch.setattr(device, "chosen", lambda: torch.device(NAME))
        told: list[dict[str, float]] = []
        moved: Any = teacher.fit(project, params, parts, 7, 2, told.append)
        assert {str(one.device) for one in moved.module.state_dict().values()} == {NAME}
        outputs = moved.predict(inputs)
        files = moved.files()
        back: Any = teacher.load(project, params, files)
        assert str(device.of(back.module)) == NAME and np.array_equal(back.predict(inputs), outputs)
    assert any("backward" in one for one in used.used)
    exact = name != "co2_levels"  # whose GRU is put together of other operations on the CPU: sums of another order
    for mine, theirs in zip(plain.history, moved.history, strict=True):
        assert theirs == (mine if exact else pytest.approx(mine, rel=1e-5))
    assert told == moved.history and moved.best_epoch == plain.best_epoch
    assert isinstance(outputs, np.ndarray) and np.allclose(outputs, plain.predict(inputs), atol=0 if exact else 1e-4)
    assert exact is (files == plain.files()), "what is kept is the same, byte by byte"
    again: Any = teacher.load(project, params, files)
    assert type(next(again.module.parameters())) is torch.nn.Parameter and device.of(again.module).type == "cpu"
    assert np.allclose(again.predict(inputs), outputs, atol=1e-6)
    if name == "digits":
        moved.export(inputs, tmp_path / "m.onnx")
        powers = np.exp(run(session(tmp_path / "m.onnx"), inputs))
        assert np.allclose(powers / powers.sum(1, keepdims=True), outputs, atol=1e-5)


def test_a_training_goes_on_from_a_model_on_the_device(digits: Project, arrays: dict[str, Arrays], there: Any) -> None:
    parts = {part: _first(arrays[part], 64) for part in ("train", "validation")}
    teacher = learner(digits, PARAMS)
    first = teacher.fit(digits, PARAMS, parts, 7, 2)
    more = teacher.fit(digits, PARAMS, parts, 7, 1, initial=first.files())
    assert more.history[0]["train_loss"] < first.history[0]["train_loss"]


def test_a_network_that_makes_tensors_on_the_cpu_is_told_so(building: Any, arrays: dict[str, Arrays], there: Any) -> None:
    import torch

    class Noisy(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last = torch.nn.Linear(64, 10)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            logits: torch.Tensor = self.last(images.flatten(1) + torch.ones(64))
            return logits

    with pytest.raises(InputError, match=r"on the same device.*let its forward make tensors where its inputs are"):
        train_module(building("digits", build=lambda params: Noisy()), {}, arrays, 3, 1)


def test_what_is_explained_is_computed_where_the_network_is(
    digits: Project, arrays: dict[str, Arrays], monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from include.training.explain_parts import Clock
    from include.training.explain_shap import shap_values

    parts = {part: _first(arrays[part], 64) for part in ("train", "validation")}
    rows = parts["validation"].inputs

    def explained(fitted: Fitted) -> np.ndarray:
        how, values = shap_values(digits, fitted, rows[:20], rows[20:22], Clock(60))
        assert how == "SHAP GradientExplainer"
        return values

    plain = explained(learner(digits, PARAMS).fit(digits, PARAMS, parts, 7, 1))
    with accelerator():
        monkeypatch.setattr(device, "chosen", lambda: torch.device(NAME))
        assert np.array_equal(explained(learner(digits, PARAMS).fit(digits, PARAMS, parts, 7, 1)), plain)


def _cuda() -> bool:
    import torch

    return torch.cuda.is_available()


@pytest.mark.skipif("not _cuda()", reason="torch sees no GPU of NVIDIA here")
@pytest.mark.parametrize("name", NAMES)
def test_cuda_learns_what_the_cpu_learns(name: str, given: Any, tmp_path: Any) -> None:
    """Sums in another order, and convolutions in TF32, add up over the steps; dropout draws from another generator."""
    project, params, parts = given(name)
    params = {**params, "dropout": 0.0}
    teacher, inputs = learner(project, params), parts["validation"].inputs
    with device.on_cpu():
        plain: Any = teacher.fit(project, params, parts, 7, 2)
    first, second = (teacher.fit(project, params, parts, 7, 2) for _ in range(2))
    moved: Any = first
    assert device.of(moved.module).type == "cuda" and first.history == second.history and first.files() == second.files()
    for mine, theirs in zip(plain.history, moved.history, strict=True):
        assert theirs["train_loss"] == pytest.approx(mine["train_loss"], rel=2e-2)
    files = moved.files()
    with device.on_cpu():
        back = teacher.load(project, params, files)
        assert np.allclose(back.predict(inputs), moved.predict(inputs), atol=1e-2)
    moved.export(inputs, tmp_path / "m.onnx")
    assert session(tmp_path / "m.onnx")
