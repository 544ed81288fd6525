"""What a network must be before it learns: it takes the inputs, and gives what the task wants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from include.projects import Project
from include.training import device
from include.training.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor, nn

SAME_DEVICE = "on the same device"  # in what torch says of a network that computes on a GPU with a tensor of the CPU


def forward(module: nn.Module, rows: Tensor) -> Any:
    """Return a network's outputs without learning, where it is; nothing random is drawn, and its mode stays."""
    import torch

    learning = module.training
    module.eval()
    try:
        with torch.no_grad():
            return module(rows.to(device.of(module)))
    finally:
        module.train(learning)


def problem(project: Project, outputs: Any, rows: int) -> tuple[str, str] | None:
    """Return what is wrong with outputs for so many items, ``type`` or ``shape`` and a text; None where nothing is."""
    import torch

    if not isinstance(outputs, torch.Tensor):
        return "type", f"gives {type(outputs).__name__}, wanted a tensor"
    shapes: dict[str, list[tuple[int, ...]]] = {
        "classification": [(rows, len(project.classes))],
        "regression": [(rows,), (rows, 1)],
    }
    wanted = shapes.get(project.task)
    if wanted and tuple(outputs.shape) not in wanted:
        return "shape", f"gives outputs {tuple(outputs.shape)} for {rows} items, wanted {' or '.join(map(str, wanted))}"
    return None


def check(project: Project, module: nn.Module, rows: Tensor) -> None:
    """Refuse a network that cannot learn the project's task.

    Raises:
        InputError: it cannot take the rows, or gives something else than the task wants.
    """
    told = f"the model of {project.name}"
    try:
        outputs = forward(module, rows)
    except Exception as cause:
        advice = "; let its forward make tensors where its inputs are (device=inputs.device), and keep others by register_buffer"
        said = f"{type(cause).__name__}: {cause}{advice if SAME_DEVICE in str(cause) else ''}"
        raise InputError(f"{told} cannot take inputs {tuple(rows.shape)}: {said}") from cause
    if wrong := problem(project, outputs, len(rows)):
        raise InputError(f"{told} {wrong[1]}")
