"""What follows a switch: the inference AP answers with the release, MLflow knows, and old models are unloaded."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from include.errors import FinalError
from include.ledger import Deployment
from include.projects import Project
from include.release.engines import Engines

PRODUCTION = "production"
CONFIRM_S = 5.0  # how long the inference AP may take to answer with the new release


class UnfinishedError(RuntimeError):
    """The route was switched, but not all that follows is done; running the same again finishes it."""


@dataclass
class Attempt:
    """One try; ``step`` is what it was doing when it failed."""

    step: str = "look at the ledger"
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def doing(self, step: str) -> Iterator[None]:
        """Note what is being done, and how many seconds it took."""
        self.step = step
        started = time.perf_counter()
        yield
        self.seconds[step] = round(time.perf_counter() - started, 4)


def finish(
    engines: Engines, project: Project, deployment: Deployment, attempt: Attempt, started: float, changed: bool
) -> dict[str, Any]:
    """Make the AP, MLflow and the model server follow a switch; may be done again.

    The AP comes first and the model before stays loaded, so that no request meets a model that is gone.

    Args:
        engines: what to act on.
        project: whose production route was switched.
        deployment: the switch.
        attempt: gets the seconds of each step.
        started: `time.perf_counter` just before the switch.
        changed: whether this attempt switched.

    Returns:
        What `include.release.deployment.deploy` returns, without its smoke test.

    Raises:
        UnfinishedError: something did not follow; everything else did.
    """
    unfinished: list[str] = []
    causes: list[Exception] = []

    def follow(step: str, action: Callable[[], Any]) -> None:
        try:
            with attempt.doing(step):
                action()
        except (RuntimeError, OSError, FinalError) as error:
            causes.append(error)
            unfinished.append(f"{step}: {error}")

    def confirm() -> None:
        engines.inference.refresh()
        engines.inference.wait_for_release(project.name, PRODUCTION, deployment.release_id, CONFIRM_S)

    follow("wait for the inference AP", confirm)
    switch_s = round(time.perf_counter() - started, 4)
    follow("tell MLflow", lambda: _tell_mlflow(engines, deployment))
    if not unfinished:
        follow("unload what is old", lambda: _unload(engines, project, deployment))
    facts = {"deployment_id": deployment.id, "release_id": deployment.release_id, "switch_s": switch_s, "unfinished": unfinished}
    action = "deployment.unfinished" if unfinished else "deployment.finished"
    engines.ledger.audit(deployment.by, action, f"{project.name}/{PRODUCTION}", facts | {"seconds": attempt.seconds})
    if unfinished:
        what = f"{deployment.release_id} is in production since {deployment.at:%H:%M:%S} UTC, but"
        raise UnfinishedError(f"{what} {'; '.join(unfinished)}. Run the same again to finish") from causes[0]
    return {
        "release_id": deployment.release_id,
        "previous": deployment.previous,
        "deployment_id": deployment.id,
        "digest": deployment.digest,
        "changed": changed,
        "switch_s": switch_s,
        "seconds": attempt.seconds,
    }


def _tell_mlflow(engines: Engines, deployment: Deployment) -> None:
    release = engines.ledger.release(deployment.release_id)
    why = f"{deployment.kind} of {release.id}: {deployment.reason}"
    engines.promote(str(release.model["version"]), deployment.by, why)


def _unload(engines: Engines, project: Project, deployment: Deployment) -> None:
    """Unload releases that no route needs; one that a release run is still testing is left alone."""
    ledger = engines.ledger
    keep = {route.release_id for route in ledger.routes(project.name)} | {deployment.release_id, deployment.previous}
    been = {d.release_id for d in ledger.deployments(project.name, PRODUCTION)}
    over = been | {release.id for release in ledger.releases(project.name) if release.state == "refused"}
    for name, model in engines.triton.index().items():
        if name in over - keep and model["state"] == "READY":
            engines.triton.unload(name)
