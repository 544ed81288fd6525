"""Experiments: places for runs, created and listed by people, and chosen by a training."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from include.clients.mlflow import SHOWN, mlflow_client, mlflow_errors
from include.ledger import Ledger
from include.projects import Project
from include.settings import Settings
from include.training.errors import ExperimentError, InputError

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment as Stored
    from mlflow.entities import Run

OWN = "training"  # the experiment that a project has by itself
CHARACTERS = 100
PAGE = 1000
NEAR, ALIKE, LISTED = 5, 0.5, 20  # titles like a mistyped one, how alike of 1, and how many are listed at most
DESCRIPTION = "mlflow.note.content"  # MLflow shows it above the runs


@dataclass(frozen=True)
class Experiment:
    """One experiment of a project.

    Attributes:
        title: how people call it.
        name: its name in MLflow.
        id: its id in MLflow.
        description: what it is for.
        by: who created it.
        at: when, in ISO 8601.
        own: whether it is the one that the project has by itself.
    """

    title: str
    name: str
    id: str
    description: str
    by: str
    at: str
    own: bool

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-able values."""
        return asdict(self)


def checked_title(title: str) -> str:
    """Return the name of an experiment as it is kept.

    Raises:
        InputError: it is empty, too long, or holds what no name may hold.
    """
    made = " ".join(unicodedata.normalize("NFC", title).split())
    if not made or len(made) > CHARACTERS or not made.isprintable() or re.search(r"['\"`/\\%]", made):
        raise InputError(
            f"an experiment's name has 1 to {CHARACTERS} printable characters and no quotes, slashes or %: {title[:40]!r} has not"
        )
    return made


def find(client: MlflowClient, project: Project, title: str) -> Experiment:
    """Return an experiment of a project by its title, or by the name that MLflow shows.

    Raises:
        InputError: there is none; the message says which are near to it.
    """
    known = list(_all(client, project))
    for one in known:
        if one.name == title:
            return one
    wanted = checked_title(title)
    for one in known:
        if one.title == wanted:
            return one
    titles = [one.title for one in known]
    near = get_close_matches(wanted, titles, n=NEAR, cutoff=ALIKE)
    said = f"; near to it: {', '.join(near)}" if near else ""
    names = ", ".join(titles[:LISTED]) + (f" and {len(titles) - LISTED} more" if len(titles) > LISTED else "")
    advice = f"create it with {project.name}.experiments or `python -m include.training experiments create`"
    raise InputError(f"{project.name} has no experiment {wanted!r}{said}; there are: {names or 'none'}. {advice}")


def experiments(settings: Settings, project: Project) -> list[tuple[Experiment, int]]:
    """Return all experiments of a project with the number of their runs, its own first.

    Raises:
        MlflowError: MLflow did not answer.
    """
    client = mlflow_client(settings)
    with mlflow_errors(settings, f"list the experiments of {project.name}"):
        return [(one, len(runs_of(client, one))) for one in _all(client, project)]


def create_experiment(
    settings: Settings, project: Project, title: str, description: str = "", by: str = "devmlops"
) -> dict[str, Any]:
    """Create an experiment; one that is there already stays as it is.

    Args:
        settings: name MLflow and the ledger.
        project: whose.
        title: its name; Korean and spaces are fine.
        description: what it is for, shown in MLflow above its runs.
        by: who creates it.

    Returns:
        The `Experiment` as a dict, with ``new``.

    Raises:
        InputError: the name cannot be used.
        ExperimentError: it is that of the project's own experiment.
        MlflowError, LedgerError: an engine did not answer.
    """
    wanted = checked_title(title)
    if wanted == OWN:
        raise ExperimentError(wanted, f"the project {project.name} has it by itself; take another name")
    client, ledger = mlflow_client(settings), Ledger(settings.ledger())
    with mlflow_errors(settings, f"create the experiment {wanted!r}"), ledger.lease(f"experiments {project.name}"):
        for one in _all(client, project):
            if one.title == wanted:
                return {**one.to_dict(), "new": False}
        ledger.audit(by, "experiment.create", subject(project, wanted), {"description": description})
        tags = {
            "devmlops.kind": "experiment",
            "devmlops.project": project.name,
            "devmlops.experiment": wanted,
            "devmlops.author": by,
            "devmlops.created": datetime.now(UTC).isoformat(timespec="seconds"),
            DESCRIPTION: description[:5000],
        }
        client.create_experiment(f"{project.name}/experiments/{wanted}", tags=SHOWN | {k: v for k, v in tags.items() if v})
        return {**find(client, project, wanted).to_dict(), "new": True}


def runs_of(client: MlflowClient, experiment: Experiment) -> list[Run]:
    """Return all runs of an experiment that are not deleted, newest first."""
    found: list[Run] = []
    token = None
    while True:
        some = client.search_runs([experiment.id], order_by=["attributes.start_time DESC"], max_results=PAGE, page_token=token)
        found += some
        token = some.token
        if not token:
            return found


def subject(project: Project, title: str) -> str:
    """Return what the audit chain calls an experiment."""
    return f"experiment {project.name}/{title}"


def _all(client: MlflowClient, project: Project) -> Iterator[Experiment]:
    own = client.get_experiment_by_name(f"{project.name}/{OWN}")
    if own is not None and own.lifecycle_stage == "active":
        yield Experiment(OWN, str(own.name), str(own.experiment_id), "", "devmlops", _moment(own), True)
    where, token = f"tags.`devmlops.project` = '{project.name}' and tags.`devmlops.kind` = 'experiment'", None
    found: list[Stored] = []
    while True:
        some = client.search_experiments(filter_string=where, max_results=PAGE, page_token=token)
        found += some
        token = some.token
        if not token:
            break
    for one in sorted(found, key=lambda one: int(one.creation_time or 0)):
        tags = one.tags
        title, by = tags["devmlops.experiment"], tags.get("devmlops.author", "devmlops")
        yield Experiment(title, str(one.name), str(one.experiment_id), tags.get(DESCRIPTION, ""), by, _moment(one), False)


def _moment(stored: Stored) -> str:
    return datetime.fromtimestamp((stored.creation_time or 0) / 1000, UTC).isoformat(timespec="seconds")
