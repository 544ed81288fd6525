"""Training by the product's learners, of something else than the project's model component."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from include.projects import Project

if TYPE_CHECKING:
    from torch import nn

MLP = "mlp"


class Building:
    """A project whose model component is another one; everything else is the project's.

    Args:
        project: the project.
        build: ``module:function`` under its folder, the name of a built-in architecture, or a function itself.
    """

    def __init__(self, project: Project, build: str | Callable[[dict[str, Any]], Any]) -> None:
        self._project, self._build = project, build

    def __getattr__(self, name: str) -> Any:
        return getattr(self._project, name)

    def component(self, kind: str) -> Callable[..., Any]:
        """Return the function that builds a model, or another component of the project."""
        if kind != "model":
            return self._project.component(kind)
        if not isinstance(self._build, str):
            return self._build
        return BUILT_IN.get(self._build) or self._project.function("build", self._build)


def mlp(params: Mapping[str, Any]) -> nn.Module:
    """Build a network of full layers.

    Args:
        params: ``inputs``, ``hidden`` (units of each layer), ``outputs``, ``dropout``.
    """
    from torch import nn

    layers: list[nn.Module] = [nn.Flatten()]
    width = int(params["inputs"])
    for units in params["hidden"]:
        layers += [nn.Linear(width, int(units)), nn.ReLU(), nn.Dropout(float(params["dropout"]))]
        width = int(units)
    return nn.Sequential(*layers, nn.Linear(width, int(params["outputs"])))


BUILT_IN: dict[str, Callable[[dict[str, Any]], Any]] = {MLP: mlp}
