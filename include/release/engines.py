"""What a deployment acts on, so that its steps can be tried without the real servers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from include.ledger import Ledger
from include.projects import Project
from include.settings import Settings

if TYPE_CHECKING:
    import numpy as np


class ModelServer(Protocol):
    """What is needed of `include.clients.triton.TritonClient`."""

    def load(self, name: str) -> None:
        """Load a release."""

    def unload(self, name: str) -> None:
        """Unload a release."""

    def index(self) -> dict[str, dict[str, str]]:
        """Return every model: name -> state and more."""

    def infer(self, name: str, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Run a release on a batch."""


class InferenceServer(Protocol):
    """What is needed of `include.clients.inference.InferenceClient`."""

    def refresh(self) -> Any:
        """Make the AP read the routes now."""

    def wait_for_release(self, project: str, route: str, release_id: str, timeout_s: float) -> Any:
        """Return once the AP answers with that release; raise where it does not in time."""


@dataclass(frozen=True)
class Engines:
    """What a deployment acts on.

    Attributes:
        ledger: routes, approvals, audit chain.
        triton: the model server.
        inference: the inference AP.
        manifest: reads all pieces of a release again, as `include.release.manifest.build_manifest`.
        package: reads the package alone, as `include.release.manifest.package_files`.
        promote: tells MLflow which model version is in production: (version, by, why).
    """

    ledger: Ledger
    triton: ModelServer
    inference: InferenceServer
    manifest: Callable[[str], dict[str, Any]]
    package: Callable[[str], dict[str, str]]
    promote: Callable[[str, str, str], Any]

    @classmethod
    def of(cls, settings: Settings, project: Project) -> Engines:
        """Return the real ones; nothing is contacted yet."""
        from include.clients.inference import InferenceClient
        from include.clients.triton import TritonClient
        from include.release.manifest import build_manifest, package_files

        return cls(
            Ledger(settings.ledger()),
            TritonClient(settings),
            InferenceClient(settings),
            lambda release_id: build_manifest(settings, project, release_id),
            lambda release_id: package_files(settings, release_id),
            lambda version, by, why: promote(settings, project, version, by, why),
        )


def stage(settings: Settings, project: Project, version: str, by: str, why: str) -> None:
    """Set a model version's state to dev_deployed in MLflow; the one that was in staging before becomes idle by it.

    One that is in production stays so: a release of it brings new inference code alone. One whose release is refused, or
    not approved in time, stays dev_deployed, for the staging route still answers with it until the next release is tried.
    """
    from include.training import model_info, set_state

    if model_info(settings, project, version)["state"] != "production":
        set_state(settings, project, version, "dev_deployed", by, why)


def promote(settings: Settings, project: Project, version: str, by: str, why: str) -> None:
    """Set a model version's state to production in MLflow; the one before becomes idle by it."""
    from include.training import model_info, set_state

    if model_info(settings, project, version)["state"] == "training":  # its staging test ended before it could say so
        stage(settings, project, version, by, why)
    set_state(settings, project, version, "production", by, why)
