"""The device that networks of this process compute on: a GPU where the job has one, else the CPU.

How many GPUs a job has its environment says (``gpu``). With 0 it stays on the CPU, whatever its machine has; where nothing is
said, as by the built-in environment ``local`` and for work outside a job, it takes the GPU that torch finds. A worker of Ray,
such as a trial of a search, computes on what Ray gave it. One that Ray gave nothing uses the GPU of its job all the same where
Ray is of the job alone, together with the other trials; on a cluster it stays on the CPU, for the GPUs are others'.

A network computes on one GPU, the first that the process sees; several are used by several trials or workers. Everything
that is kept (weights, ONNX) is of the CPU, and is read on a machine without a GPU.
"""

from __future__ import annotations

import copy
import itertools
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from include.settings import Settings

if TYPE_CHECKING:
    import torch
    from torch import nn

_cpu_alone: ContextVar[bool] = ContextVar("cpu_alone", default=False)


def chosen() -> torch.device:
    """Return the device that a network of this process is to compute on."""
    import torch

    if not _given() or not torch.cuda.is_available():
        return torch.device("cpu")
    repeatable()
    return torch.device("cuda", 0)


def repeatable() -> None:
    """Let CUDA compute the same twice; to be called before a process computes on a GPU."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


def said(device: torch.device) -> str:
    """Return a device for people, such as ``cuda:0 NVIDIA H200``; of the CPU also why, where the job was promised a GPU."""
    import torch

    if device.type == "cuda":
        return f"{device} {torch.cuda.get_device_name(device)}"
    if not _given() or not (Settings().job_gpus or _lent()):
        return "the CPU"
    why = "has no CUDA" if torch.version.cuda is None else "sees none"
    return f"the CPU, though the job has a GPU: torch {torch.__version__} {why}"


@contextmanager
def on_cpu() -> Iterator[None]:
    """Let networks that are loaded or trained in the block stay on the CPU, such as for a comparison with what runs there."""
    token = _cpu_alone.set(True)
    try:
        yield
    finally:
        _cpu_alone.reset(token)


@contextmanager
def deterministic(seed: int, device: torch.device) -> Iterator[None]:
    """Inside the block torch computes the same on every run: seeded, one thread, deterministic kernels.

    On a GPU some operations have no deterministic kernel. They compute all the same, and torch warns of them by name: a
    network that learns on the CPU learns on a GPU too.

    Args:
        seed: of everything random.
        device: that is computed on; its generator is as before after the block, as is the CPU's.
    """
    import torch

    gpu = device.type == "cuda"
    threads, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    lenient = torch.is_deterministic_algorithms_warn_only_enabled()
    with torch.random.fork_rng(devices=[device] if gpu else []):
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        torch.use_deterministic_algorithms(True, warn_only=gpu)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
            torch.use_deterministic_algorithms(strict, warn_only=lenient)


def of(module: nn.Module) -> torch.device:
    """Return the device that a module's weights are on; the CPU for one that has none."""
    import torch

    first = next(itertools.chain(module.parameters(), module.buffers()), None)
    return torch.device("cpu") if first is None else first.device


def weights_of(module: nn.Module) -> dict[str, torch.Tensor]:
    """Return a copy of a module's weights, on the CPU."""
    return {name: value.detach().to("cpu", copy=True) for name, value in module.state_dict().items()}


def for_cpu(module: nn.Module) -> nn.Module:
    """Return a module on the CPU: itself where it is there, else a copy."""
    return module if of(module).type == "cpu" else copy.deepcopy(module).to("cpu")


def _given() -> bool:
    """Tell whether this process may use a GPU."""
    if _cpu_alone.get():
        return False
    settings, lent = Settings(), _lent()
    if lent or (lent is not None and settings.job_runtime == "ray"):
        return bool(lent)
    return settings.job_gpus != 0


def _lent() -> list[str] | None:
    """Return the GPUs that Ray gave to this worker; None where this process is no worker of Ray."""
    ray = sys.modules.get("ray")
    if ray is None or not ray.is_initialized():
        return None
    here = ray.get_runtime_context()
    return None if here.get_actor_id() is None else here.get_accelerator_ids().get("GPU", [])
