"""A release goes live, and the one before comes back: model and inference code together, by one switch.

Everything up to the switch can be done again without harm, the switch is one transaction of the ledger, and
everything after it is done again until it holds. So a run that was killed anywhere is simply run again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from include.ledger import Ledger, Release, Route
from include.projects import Project
from include.release import approval
from include.release.after_switch import PRODUCTION, Attempt, finish
from include.release.digest import digest
from include.release.engines import Engines
from include.release.errors import ReleaseError
from include.release.manifest import differences
from include.release.smoke import smoke_test, warm_up
from include.settings import Settings


def deploy(
    settings: Settings, project: Project, release_id: str, by: str, reason: str, *, engines: Engines | None = None
) -> dict[str, Any]:
    """Bring an approved release into production.

    Trusts nothing that was checked before: reads every byte again, compares the digest with the sealed one, checks the
    audit chain and the approvals, loads, warms up, smoke-tests; then switches once, waits until the AP answers with the
    release, and tells MLflow. A release that is live already is left as it is, and what was not finished is finished.

    Args:
        settings: of the product.
        project: the release's project.
        release_id: a sealed release.
        by: user name of who started it.
        reason: why, for the audit chain.
        engines: what to act on; the real ones where none are given.

    Returns:
        ``release_id``, ``previous``, ``deployment_id``, ``digest``, ``changed`` (false where it was live already),
        ``switch_s`` (from the switch until the AP answers with it), ``seconds`` of each step and ``smoke``.

    Raises:
        ReleaseError: a changed byte, a missing or unfit approval, a failed smoke test; nothing was switched, and the
            attempt is an audit entry.
        UnfinishedError: switched, but the AP or MLflow did not follow; run it again.
        TritonError, MlflowError, DataError, LedgerError: an engine failed before the switch; run it again.
    """
    engines = engines or Engines.of(settings, project)
    with _attempt(engines.ledger, "deploy", release_id, by, reason) as attempt:
        release = _release(engines.ledger, project, release_id)
        with attempt.doing("compare with the sealed digest"):
            found = _same_bytes(release, engines.manifest(release_id))
        here = engines.ledger.route(project.name, PRODUCTION)
        allowed: list[int] = []
        if here is None or here.release_id != release_id:
            with attempt.doing("check the approvals"):
                _not_overtaken(engines.ledger, release, here)
                _whole_chain(engines.ledger, release_id)
                allowed = approval.verify(project, release, engines.ledger.approvals(release_id), found, datetime.now(UTC))
        smoke = _bring_up(engines, project, release, attempt)
        started = time.perf_counter()
        with attempt.doing("switch"):
            deployment = engines.ledger.switch(project.name, PRODUCTION, release_id, "deploy", by, reason, allowed)
    return finish(engines, project, deployment, attempt, started, bool(allowed)) | {"smoke": smoke}


def rollback(
    settings: Settings,
    project: Project,
    by: str,
    reason: str,
    to: str | None = None,
    *,
    key: str = "",
    engines: Engines | None = None,
) -> dict[str, Any]:
    """Bring a release back that was in production before, by one switch; it needs neither approval nor MLflow nor data.

    Args:
        settings: of the product.
        project: the project.
        by: user name of who wants it.
        reason: why, for the audit chain.
        to: the release; None is the one that the present one replaced, so a second rollback goes forward again.
        key: of the request, such as the Airflow run id: the same key asked again means the same release, so that a
            retry after a crash does not go back and forth.
        engines: what to act on; the real ones where none are given.

    Returns:
        As `deploy`.

    Raises:
        ReleaseError: nothing to go back to, a release that never was in production, or its package changed since;
            nothing was switched, and the attempt is an audit entry.
        UnfinishedError: switched, but the AP or MLflow did not follow; run it again with the same ``key``.
        TritonError, LedgerError: an engine failed before the switch; run it again.
    """
    engines = engines or Engines.of(settings, project)
    ledger = engines.ledger
    with _attempt(ledger, "rollback", f"{project.name}/{PRODUCTION}", by, reason) as attempt:
        target = _target(ledger, project, by, to, key)
        release = _release(ledger, project, target)
        if not any(d.release_id == target for d in ledger.deployments(project.name, PRODUCTION)):
            raise ReleaseError(target, ["it never was in production: deploy it, with approvals"])
        with attempt.doing("compare with the sealed package"):
            _same_package(engines, release)
        smoke = _bring_up(engines, project, release, attempt)
        here = ledger.route(project.name, PRODUCTION)
        started = time.perf_counter()
        with attempt.doing("switch"):
            deployment = ledger.switch(project.name, PRODUCTION, target, "rollback", by, reason)
        changed = here is None or here.release_id != target
    return finish(engines, project, deployment, attempt, started, changed) | {"smoke": smoke}


def status(settings: Settings, project: Project, *, engines: Engines | None = None) -> dict[str, Any]:
    """Return what the ledger says is live, and what the model server has loaded; a server that is down is said so.

    Returns:
        ``project``, ``routes``, ``previous``, ``deployments`` (the last ten, oldest first) and ``loaded``
        (release id -> state, or ``{"error": ...}``).

    Raises:
        LedgerError: the ledger cannot be reached.
    """
    engines = engines or Engines.of(settings, project)
    ledger = engines.ledger
    loaded: dict[str, Any]
    try:
        loaded = {name: model["state"] for name, model in engines.triton.index().items() if model["state"]}
    except RuntimeError as down:
        loaded = {"error": str(down)}
    return {
        "project": project.name,
        "routes": [route.to_dict() for route in ledger.routes(project.name)],
        "previous": ledger.previous_release(project.name),
        "deployments": [deployment.to_dict() for deployment in ledger.deployments(project.name)[-10:]],
        "loaded": loaded,
    }


@contextmanager
def _attempt(ledger: Ledger, kind: str, subject: str, by: str, reason: str) -> Iterator[Attempt]:
    """Make a failing attempt an audit entry."""
    attempt = Attempt()
    try:
        yield attempt
    except Exception as error:
        facts = {"reason": reason, "step": attempt.step, "error": type(error).__name__, "why": str(error)[:4000]}
        ledger.audit(by, f"{kind}.failed", subject, facts)
        raise


def _release(ledger: Ledger, project: Project, release_id: str) -> Release:
    release = ledger.release(release_id)
    if release.project != project.name:
        raise ReleaseError(release_id, [f"it belongs to project {release.project}, not {project.name}"])
    if release.digest is None or release.manifest is None:
        raise ReleaseError(release_id, [f"it is {release.state} and has no digest: seal it first"])
    if digest(release.manifest) != release.digest:
        raise ReleaseError(release_id, ["its manifest in the ledger was altered: it does not give its digest any more"])
    return release


def _same_bytes(release: Release, found: Mapping[str, Any]) -> str:
    """Return the digest of what is there now; it must be the sealed one."""
    now = digest(found)
    if now != release.digest:
        lines = differences(release.manifest or {}, found)
        raise ReleaseError(release.id, [*lines, f"sealed as {release.digest}, now {now}: make a new release"])
    return now


def _same_package(engines: Engines, release: Release) -> None:
    lines = differences((release.manifest or {}).get("package", {}), engines.package(release.id), "package/")
    if lines:
        raise ReleaseError(release.id, [*lines, "a package never changes: put the sealed files back, or go to another release"])


def _not_overtaken(ledger: Ledger, release: Release, here: Route | None) -> None:
    """People approved it against what ran then; an older release never replaces a newer one by itself."""
    if here and ledger.release(here.release_id).number > release.number:
        why = f"{here.release_id}, which is newer, is in production: roll back to an earlier one, or make a new release"
        raise ReleaseError(release.id, [why])


def _whole_chain(ledger: Ledger, release_id: str) -> None:
    check = ledger.verify_audit()
    if not check.ok:
        raise ReleaseError(release_id, [f"the ledger cannot be trusted, entry {check.first_bad_seq}: {check.reason}"])


def _bring_up(engines: Engines, project: Project, release: Release, attempt: Attempt) -> dict[str, Any]:
    with attempt.doing("load"):
        engines.triton.load(release.id)
    with attempt.doing("warm up"):
        warm_up(engines.triton, project, release.id)
    with attempt.doing("smoke-test"):
        smoke = smoke_test(engines.triton, project, release.id)
    with attempt.doing("compare what was loaded"):
        _same_package(engines, release)  # the model server read the files after they were compared first
    return smoke


def _target(ledger: Ledger, project: Project, by: str, to: str | None, key: str) -> str:
    """Return the release to go back to; decided once a ``key``, and noted before anything happens."""
    subject = f"{project.name}/{PRODUCTION}"
    if key:
        for entry in reversed(ledger.audit_entries(subject, limit=1000)):
            if entry.action == "rollback.begin" and entry.details["key"] == key:
                return str(entry.details["to"])
    here = ledger.route(project.name, PRODUCTION)
    target = to or ledger.previous_release(project.name, PRODUCTION)
    if here is None or target is None:
        raise ReleaseError(project.name, ["there is no release before the present one: nothing to roll back to"])
    ledger.audit(by, "rollback.begin", subject, {"key": key, "from": here.release_id, "to": target})
    return target
