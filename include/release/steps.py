"""The first and the last step of making a release: opening it for a model, and sealing it under its digest."""

from __future__ import annotations

from typing import Any

from include.errors import FinalError
from include.ledger import Ledger
from include.projects import Project
from include.settings import Settings


class NotReleasable(FinalError):
    """The model may not be released; the text says why and what to do."""


def open_release(settings: Settings, project: Project, key: str, version: str | int | None, by: str) -> dict[str, Any]:
    """Open the next release of a project for one confirmed model.

    Args:
        settings: MLflow and the ledger.
        project: the project.
        key: what asks for it, such as the run id; the same key finds the same release.
        version: the registered model's version; None takes the newest confirmed one.
        by: who asks. Whoever made the model and whoever asks for the release are its authors and may not approve it.

    Returns:
        ``id``, ``number``, ``authors``, ``model`` and ``release_run_id``.

    Raises:
        NotReleasable: the model was not confirmed.
    """
    from include.release.reports import start_release_run
    from include.training import model_info

    ledger = Ledger(settings.ledger())
    # A retry keeps the model of the try before, also where a newer one was confirmed meanwhile.
    earlier = next((r for r in ledger.releases(project.name) if r.key == key), None)
    found = model_info(settings, project, earlier.model["version"] if earlier else version or "confirmed")
    if not found["confirmed"]:
        raise NotReleasable(
            f"model {found['name']} version {found['version']} is not confirmed: run {project.name}.model_development,"
            " or give a version that passed its gate"
        )
    model = {k: found[k] for k in ("name", "version", "run_id", "data")}
    if found.get("project_code"):  # a deployment makes it the applied one
        model["code"] = found["project_code"]
    release = ledger.open_release(project.name, key, sorted({by, found["author"]}), model)
    run_id = start_release_run(settings, project, release.id, model)
    ledger.update_release_model(release.id, release_run_id=run_id)
    return {"id": release.id, "number": release.number, "authors": release.authors, "model": model, "release_run_id": run_id}


def seal(settings: Settings, project: Project, release_id: str) -> dict[str, Any]:
    """Read everything that belongs to a release, and seal it under one digest.

    Returns:
        ``id`` and ``digest``.

    Raises:
        LedgerError: it is sealed already, with other bytes.
    """
    from include.release.manifest import build_manifest

    sealed = Ledger(settings.ledger()).seal_release(release_id, build_manifest(settings, project, release_id))
    return {"id": sealed.id, "digest": sealed.digest}
