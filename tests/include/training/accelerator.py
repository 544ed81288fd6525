"""A device that every machine has, for what must be seen where there is no GPU.

Its tensors say that they are on the device ``lazy``, which torch knows by name alone, and hold their numbers on the CPU, so what
is computed with them is right to the bit. As on a GPU, they mix with no tensor of the CPU but one number alone, and have no
numpy array.
"""

from __future__ import annotations

from typing import Any

NAME = "lazy:0"


def accelerator() -> Any:
    """Return a context in which the device is there; its ``used`` are the names of the operations that it computed."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_flatten, tree_map_only

    class There(torch.Tensor):
        """A tensor on the device."""

        held: torch.Tensor

        @staticmethod
        def __new__(cls: Any, held: torch.Tensor) -> Any:
            options = {"dtype": held.dtype, "device": NAME, "strides": held.stride(), "storage_offset": held.storage_offset()}
            made = torch.Tensor._make_wrapper_subclass(cls, held.shape, **options)
            made.held = held
            return made

        @classmethod
        def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            return compute(func, args, kwargs or {})

    class Accelerator(TorchDispatchMode):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.used: list[str] = []

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if any(isinstance(one, There) for one in tree_flatten((args, kwargs or {}))[0]):
                self.used.append(func.__name__)
            return compute(func, args, kwargs or {})

    def compute(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        tensors = [one for one in tree_flatten((args, kwargs))[0] if isinstance(one, torch.Tensor)]
        there = any(isinstance(one, There) for one in tensors)
        between = func in (torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default)
        if there and not between and any(not isinstance(one, There) and one.dim() for one in tensors):
            raise RuntimeError(f"Expected all tensors to be on the same device, but found {NAME} and cpu, in {func}")
        if kwargs.get("device") is not None:
            there = str(torch.device(kwargs["device"])) == NAME
            kwargs = {**kwargs, "device": torch.device("cpu")}
        plain = tree_map_only(There, lambda one: one.held, (args, kwargs))
        found = func(*plain[0], **plain[1])
        if func._schema.is_mutable and args and isinstance(args[0], torch.Tensor):
            return args[0]
        return tree_map_only(torch.Tensor, There, found) if there else found

    return Accelerator()
