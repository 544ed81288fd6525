"""Before an experiment is deleted a person is asked: what they see, and what their answer does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from include.ledger import Ledger
from include.projects import Project
from include.settings import Settings
from include.training.confirm_form import text
from include.training.errors import ExperimentError
from include.training.experiments import checked_title, subject
from include.training.experiments_deletion import delete_experiment, entries, may_go, what_is_lost

DELETE, KEEP = "Delete", "Keep"


def deletion_form(settings: Settings, project: Project, title: str, typed: str) -> dict[str, Any]:
    """Return what a person is asked before an experiment is deleted: ``subject``, ``body`` (Markdown) and ``digest``.

    Raises:
        ExperimentError: the name was not typed again, or the experiment must not go.
        InputError: there is no such experiment.
    """
    wanted = checked_title(title)
    if not typed.strip() or checked_title(typed) != wanted:
        raise ExperimentError(wanted, "type its name again as confirmation; what was typed is not its name")
    lost = what_is_lost(settings, project, wanted)
    may_go(lost)
    kinds = ", ".join(f"{count} {text(kind)}" for kind, count in lost["kinds"].items())
    versions = ", ".join(f"v{one}" for one in lost["versions"])
    lines = [
        f"The experiment **{text(wanted)}** of *{text(project.title)}* holds **{lost['runs']} runs**"
        + (f" ({kinds})." if kinds else "."),
        "",
        f"Deleted with it: {lost['runs']} runs with their metrics, models, plots and reports"
        + (f", and the model versions {versions}." if versions else "; no model version comes from them."),
    ]
    if lost["running"]:
        lines += ["", f"**{lost['running']} runs are still going on**: they will fail."]
    lines += ["", "Model versions are gone at once. Runs stay in MLflow's bin until its administrator empties it (`mlflow gc`)."]
    return {
        "subject": f"Delete the experiment {wanted} with {lost['runs']} runs?",
        "body": "\n".join(lines),
        "digest": lost["digest"],
    }


def record_deletion_answer(
    settings: Settings, project: Project, title: str, asked: str, answer: Mapping[str, Any] | None, source: Mapping[str, str]
) -> dict[str, Any]:
    """Write a person's answer about a deletion into the audit chain.

    Args:
        settings: name the ledger.
        project: whose experiment.
        title: its name.
        asked: ``digest`` of the form.
        answer: as a human-in-the-loop task gives it; None where nobody answered in time, which means no.
        source: where it was asked: dag_id, run_id and task_id.

    Returns:
        ``decision`` (``delete`` or ``keep``), ``by`` and ``why``.
    """
    user = (answer or {}).get("responded_by_user") or {}
    by = str(user.get("name") or user.get("id") or "")
    why = str(((answer or {}).get("params_input") or {}).get("reason") or "").strip()
    yes = bool(by) and list((answer or {}).get("chosen_options") or []) == [DELETE]
    problem = None if by else "nobody answered in time"
    if yes and not why:
        yes, problem = False, "no reason was given, and a deletion needs one"
    facts = {
        "decision": "delete" if yes else "keep",
        "asked": asked,
        "why": "; ".join(filter(None, [problem, why])) or "no reason given",
    }
    source = {**source, "responded_at": str((answer or {}).get("responded_at") or "")}
    ledger, about = Ledger(settings.ledger()), subject(project, checked_title(title))
    known = [one for one in entries(ledger, about, "experiment.answer") if answer is not None and one.details["source"] == source]
    entry = known[-1] if known else ledger.audit(by or None, "experiment.answer", about, {**facts, "source": source})
    return {"decision": entry.details["decision"], "why": entry.details["why"], "by": entry.actor}


def delete_answered(settings: Settings, project: Project, title: str, source: Mapping[str, str]) -> dict[str, Any]:
    """Delete an experiment because a person said so in this very pipeline run; as `delete_experiment`.

    Raises:
        ExperimentError: nobody said so, or the experiment holds something else than what they were shown.
    """
    wanted, ledger = checked_title(title), Ledger(settings.ledger())
    answers = [
        one
        for one in entries(ledger, subject(project, wanted), "experiment.answer")
        if all(one.details["source"].get(key) == source[key] for key in ("dag_id", "run_id"))
    ]
    if not answers or answers[-1].details["decision"] != "delete":
        why = (
            f"{answers[-1].actor} said no: {answers[-1].details['why']}" if answers else "the audit log has no answer in this run"
        )
        raise ExperimentError(wanted, f"it is not deleted: {why}")
    last = answers[-1]
    return delete_experiment(settings, project, wanted, last.actor, last.details["why"], last.details["asked"])
