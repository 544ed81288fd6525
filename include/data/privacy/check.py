"""The checks of a masked sample on its branch: whole, of the project's form, and as its report says."""

from __future__ import annotations

import json
from typing import Any

from include.clients.lakefs import DataNotFound
from include.data import forms, items, labels, rounds
from include.data.errors import DataCheckError
from include.data.privacy.approve import masking_path
from include.data.privacy.rows import rows_digest
from include.data.refine import recipe_digest
from include.data.rounds import Ref
from include.projects import Project
from include.settings import Settings

EXAMPLES = 5


def check_sample(settings: Settings, project: Project, round_ref: Ref) -> dict[str, Any]:
    """Check a sample on its branch and commit ``checks.json`` there; the same sample gives the same report.

    The limits of collected rounds (rows of a class, duplicates, missing labels) do not hold for samples: masking
    drops values and labels on purpose.

    Args:
        settings: the dev data server.
        project: ``data.content`` and ``classes`` say what items and labels are.
        round_ref: from `make_sample` or `remake_sample`.

    Returns:
        The report, of the form that `include.data.check_round` gives.

    Raises:
        DataCheckError: a check did not pass.
    """
    repo = rounds.repository(settings, project, round_ref["zone"])
    if done := rounds.merged(repo, round_ref["run_id"], "sample", source=round_ref["source"]):
        return dict(json.loads(repo.get(done.id, rounds.checks_path(int(done.metadata["round"])))))
    branch, number = round_ref["branch"], round_ref["round"]
    commit = rounds.round_commit(repo, branch)
    document = rounds.describe(repo, commit, number)
    masking = json.loads(repo.get(commit, masking_path(number)))
    wrong: list[str] = []
    form = project.data.content
    with items.opened(repo, commit, rounds.items_path(number)) as file:
        for batch in file.iter_batches(512, columns=["key", "content", "label"]):
            for row in batch.to_pylist():
                problem = forms.check(row["content"], form) or (
                    row["label"] is not None and labels.problem(row["label"], project)
                )
                if problem:
                    wrong.append(f"{row['key']}: {problem}")
    same = masking["digest"] == rows_digest(repo, commit, number)
    scan = sum(masking["scan"]["found"].values())
    checks: list[dict[str, Any]] = [
        {"name": "rows", "ok": document["count"] >= 1, "value": document["count"], "limit": ">= 1"},
        {"name": "content_form", "ok": not wrong, "value": len(wrong), "limit": "0 items that are not as project.yaml says"},
        {"name": "as_masked", "ok": same, "value": same, "limit": "True"},
        {"name": "personal_data", "ok": not scan, "value": scan, "limit": "0 found by patterns"},
    ]
    if wrong:
        checks[1]["examples"] = wrong[:EXAMPLES]
    report = {"ok": all(one["ok"] for one in checks), "round": number, "commit": commit}
    report |= {"digest": document["digest"], "count": document["count"], "checks": checks}
    report["recipe"] = recipe_digest(project) if project.data.refine else None
    content = items.dump(report)
    try:
        known = repo.get(branch, rounds.checks_path(number))
    except DataNotFound:
        known = b""
    if known != content:
        repo.put(branch, rounds.checks_path(number), content)
        state = "passed" if report["ok"] else "did not pass"
        repo.commit(branch, f"Checks of round {number} {state}", {**rounds.metadata("checks", document), "ok": report["ok"]})
    if not report["ok"]:
        raise DataCheckError(f"{repo.name}, branch {branch}, round {number}", report)
    return report
