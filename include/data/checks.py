"""Checks: what a round must hold before it is merged. The report is committed beside the round."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from include.clients.lakefs import DataNotFound, DataRepository
from include.data import arrays, forms, items, labels, refine, rounds, states
from include.data.errors import DataCheckError, RefineError
from include.data.privacy import check_sample
from include.projects import Project
from include.projects.content import ArrayContent
from include.projects.data import Checks
from include.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa

Report = dict[str, Any]
EXAMPLES = 5
WARNINGS = 50


def check_round(settings: Settings, project: Project, round_ref: rounds.Ref) -> Report:
    """Check a round on its branch and commit the report there; the same round gives the same report.

    Args:
        settings: the data server.
        project: ``data.content``, ``data.checks`` and ``classes`` say what is wanted.
        round_ref: from `collect_round` or `collect_operating_round`.

    Returns:
        ``{"ok", "round", "commit", "digest", "count", "checks": [{"name", "ok", "value", "limit", "examples"?, "warnings"?}]}``.

    Raises:
        DataCheckError: a check did not pass; the branch is kept for looking at, nothing was merged.
    """
    repo = rounds.repository(settings, project, round_ref["zone"])
    if not round_ref["count"]:
        return _empty(repo, project, round_ref)
    if round_ref["kind"] == "sample":
        return check_sample(settings, project, round_ref)
    branch, number = round_ref["branch"], round_ref["round"]
    if done := rounds.merged(repo, round_ref["run_id"], round_ref["kind"], source=round_ref["source"]):
        return dict(json.loads(repo.get(done.id, rounds.checks_path(int(done.metadata["round"])))))
    head = repo.commit_info(branch)
    commit = rounds.round_commit(repo, branch)
    document = rounds.describe(repo, commit, number)
    if document["kind"] == "labels":
        from include.data.labelling import check_labels

        report, beside = check_labels(settings, project, repo, commit, document), {}
    else:
        report = _whole_report(repo, project, head.id, commit, document)
        beside = _quality(settings, project, repo, head.id, document, report)
    content = items.dump(report)
    try:
        same = repo.get(head.id, rounds.checks_path(number)) == content
    except DataNotFound:
        same = False
    if not same:
        repo.put(branch, rounds.checks_path(number), content)
        for name, kept in beside.items():
            repo.put(branch, rounds.folder(number) + name, kept)
        state = "passed" if report["ok"] else "did not pass"
        repo.commit(branch, f"Checks of round {number} {state}", {**rounds.metadata("checks", document), "ok": report["ok"]})
    if not report["ok"]:
        raise DataCheckError(f"{repo.name}, branch {branch}, round {number}", report)
    return report


def _whole_report(repo: DataRepository, project: Project, head: str, commit: str, document: dict[str, Any]) -> Report:
    """Report on a round, and on what else was refined with it."""
    refined = _refined(repo, project, head, commit, document["number"])
    report = _report(repo, project, commit, document, refined)
    for one in refined.get("earlier", []):
        _add_earlier(report, _report(repo, project, commit, *_earlier(repo, head, one, refined["recipe"])))
    return report


def _quality(
    settings: Settings, project: Project, repo: DataRepository, head: str, document: dict[str, Any], report: Report
) -> dict[str, bytes]:
    """Add the verdicts on the quality of a round to its report; return what is kept beside it, the page for people too."""
    from include.data.quality import assess_table, quality_report

    refined = _refined(repo, project, head, report["commit"], document["number"])
    found = assess_table(settings, project, repo, head, refined.get("table", rounds.items_path(document["number"])), document)
    report["checks"] += found.checks
    report["ok"] = report["ok"] and all(check["ok"] for check in found.checks)
    return {**found.objects, "report.html": quality_report(project, document, report, found).encode()}


def _empty(repo: DataRepository, project: Project, round_ref: rounds.Ref) -> Report:
    """Report on a collection that found nothing: fine for a source that is read often, not for a retraining."""
    ok = round_ref["kind"] != "operating"
    checks = [] if ok else [_check("rows", 0, f">= {project.retraining.min_new_rows}", False)]
    report = {"ok": ok, "round": None, "commit": round_ref["commit"], "digest": None, "count": 0, "checks": checks}
    if not ok:
        raise DataCheckError(f"{repo.name}, run {round_ref['run_id']}, skipped {round_ref.get('skipped')}", report)
    return report


def _refined(repo: DataRepository, project: Project, head: str, commit: str, number: int) -> dict[str, Any]:
    """Return what is checked, the refined table where project.yaml names steps: its path, commit, digest and recipe.

    Raises:
        RefineError: the round was not refined by them since it was collected.
    """
    if not project.data.refine:
        return {}
    found = refine.report(repo, head, number, refine.recipe_digest(project))
    if found["commit"] != commit:
        raise RefineError(f"{repo.name}, round {number}", "it was collected again since it was refined", "Refine it again")
    return {name: found[name] for name in ("table", "digest", "recipe", "earlier")} | {"head": head}


def _earlier(repo: DataRepository, head: str, one: dict[str, Any], recipe: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return description and refined table of an earlier round; its source was checked when it was collected."""
    document = rounds.describe(repo, head, one["round"])
    document.pop("findings", None)
    return document, {"table": one["table"], "digest": one["digest"], "recipe": recipe, "head": head}


def _add_earlier(report: Report, other: Report) -> None:
    """Add what did not pass of an earlier round, that was refined anew, to the report of this one."""
    failed = [check for check in other["checks"] if not check["ok"]]
    report["checks"] += [{**check, "name": f"{check['name']} of round {other['round']}"} for check in failed]
    report["ok"] = report["ok"] and other["ok"]


def _report(repo: DataRepository, project: Project, commit: str, document: dict[str, Any], refined: dict[str, Any]) -> Report:
    found = _Findings()
    path, at = refined.get("table", rounds.items_path(document["number"])), refined.get("head", commit)
    stored = refined.get("digest", document["digest"])
    with items.opened(repo, at, path) as file:
        running = items.running_digest(_walk(file, project, found))
    operating, wanted = document["kind"] == "operating", project.data.checks
    least = project.retraining.min_new_rows if operating else wanted.min_rows
    per_class = min((found.labels[name] for name in project.classes), default=0)
    rarest = [name for name in project.classes if found.labels[name] == per_class]
    missing, lack = found.missing / max(found.count, 1), states.may_lack(project, collected=True)
    double = (found.count - len(found.ids)) / max(found.count, 1)
    checks = [
        _check("rows", found.count, f">= {least}", found.count >= least),
        *_forms(found, project),
        _check("unknown_labels", len(found.unknown), "0 labels that are none of the task", not found.unknown, found.unknown),
        _check("missing_labels", round(missing, 6), f"<= {lack}", missing <= lack),
        _check("repeated_keys", len(found.again), "0 keys that occur twice", not found.again, found.again),
        _check("stored_as_collected", running == stored, "True", running == stored),
    ]
    if not operating:  # what comes from production is as it is: rare classes and repeated requests are no fault
        limit = wanted.min_rows_per_class
        checks.append(_check("rows_per_class", per_class, f">= {limit}", per_class >= limit, rarest))
        checks.append(_check("duplicates", round(double, 6), f"<= {wanted.max_duplicates}", double <= wanted.max_duplicates))
    if "findings" in document:
        checks += _source_checks(document["findings"], wanted)
    names = ("number", "digest", "count")
    number, digest, count = (document[name] for name in names)
    ok = all(check["ok"] for check in checks)
    more = {"recipe": refined["recipe"]} if refined else {}
    return {"ok": ok, "round": number, "commit": commit, "digest": digest, "count": count, **more, "checks": checks}


def _source_checks(found: dict[str, Any], wanted: Checks) -> list[dict[str, Any]]:
    """Check what the source looked like while it was collected."""
    bad = found["bad"] / max(found["rows"], 1)
    missing = [f"{name} ({where})" for name, where in found["missing"].items()]
    changed = [f"{name}: {said}" for name, said in found["changed"].items()]
    others = [f"{name}: {said}" for name, said in found["changed_others"].items()]
    limit = "any (allow_changed_types)" if wanted.allow_changed_types else "0 needed fields of another type than before"
    warnings = {"new": found["new"], "gone": found["gone"], "changed": others}
    listed = [f"{what}: {', '.join(names[:WARNINGS])}" for what, names in warnings.items() if names]
    columns = _check("source_columns", len(missing), "0 needed fields missing", not missing, missing)
    types = _check("source_types", len(changed), limit, not changed or wanted.allow_changed_types, changed)
    return [
        {**columns, "warnings": listed} if listed else columns,
        {**types, "warnings": changed[:WARNINGS]} if changed and types["ok"] else types,
        _check("bad_rows", round(bad, 6), f"<= {wanted.max_bad_rows}", bad <= wanted.max_bad_rows, found["examples"])
        | ({"warnings": found["examples"]} if found["bad"] and bad <= wanted.max_bad_rows else {}),
    ]


@dataclass
class _Findings:
    count: int = 0
    missing: int = 0
    ids: set[bytes] = field(default_factory=set)
    keys: set[str] = field(default_factory=set)
    labels: Counter[str] = field(default_factory=Counter)
    size: list[str] = field(default_factory=list)
    range: list[str] = field(default_factory=list)
    form: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    again: list[str] = field(default_factory=list)


def _walk(file: Any, project: Project, found: _Findings) -> Any:
    """Go through the table a batch at a time; yield (key, id computed from the content, label, group) of each row."""
    form = project.data.content
    columns = ["key", "content", "label"] + [items.GROUP] * items.has_groups(file)
    for batch in file.iter_batches(items.batch_rows(form), columns=columns):
        keys, answers = batch["key"].to_pylist(), batch["label"].to_pylist()
        ids = items.item_ids(batch["content"].to_pylist(), form)
        if isinstance(form, ArrayContent):
            good = _sizes(batch["content"], keys, form, found)
            _ranges(batch.filter(good), form, found)
        else:
            wrong = ((key, forms.check(content, form)) for key, content in zip(keys, batch["content"].to_pylist(), strict=True))
            found.form += [f"{key}: {problem}" for key, problem in wrong if problem]
        found.count += len(keys)
        groups = batch[items.GROUP].to_pylist() if len(columns) > 3 else [None] * len(keys)
        for key, one, label, group in zip(keys, ids, answers, groups, strict=True):
            found.ids.add(bytes.fromhex(one))
            if key in found.keys:
                found.again.append(key)
            found.keys.add(key)
            if label is None:
                found.missing += 1
            elif problem := labels.problem(label, project):
                found.unknown.append(f"{key}: {problem}")
            else:
                found.labels.update(labels.classes_of(label, project))
            yield key, one, label, group


def _forms(found: _Findings, project: Project) -> list[dict[str, Any]]:
    if not isinstance(project.data.content, ArrayContent):
        limit = f"0 contents that are no {project.data.content.kind} as declared"
        return [_check("content_form", len(found.form), limit, not found.form, found.form)]
    return [
        _check("content_size", len(found.size), "0 items of another size", not found.size, found.size),
        _check("content_range", len(found.range), "0 items with values outside or not finite", not found.range, found.range),
    ]


def _sizes(contents: pa.Array, keys: list[str], form: ArrayContent, found: _Findings) -> pa.Array:
    import pyarrow.compute as pc

    good = pc.equal(pc.binary_length(contents), arrays.size(form)).fill_null(False)
    found.size += [key for key, fine in zip(keys, good.to_pylist(), strict=True) if not fine]
    return good


def _ranges(batch: pa.RecordBatch, form: ArrayContent, found: _Findings) -> None:
    import numpy as np
    import pyarrow as pa

    if not batch.num_rows:  # none has the right size
        return
    values = arrays.to_array(pa.chunked_array([batch["content"]]), form).reshape(batch.num_rows, -1)
    low, high = form.range
    # written so that NaN, which compares with nothing, falls out too
    fine = ((values >= low) & (values <= high)).all(axis=1)
    found.range += [batch["key"][int(row)].as_py() for row in np.flatnonzero(~fine)]


def _check(name: str, value: Any, limit: str, ok: bool, examples: list[str] | None = None) -> dict[str, Any]:
    check = {"name": name, "ok": bool(ok), "value": value, "limit": limit}
    return check if ok or not examples else {**check, "examples": examples[:EXAMPLES]}
