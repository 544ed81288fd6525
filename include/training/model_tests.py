"""Automatic tests of a model: what it must be, do and cost before it may be confirmed."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from include.clients.lakefs import DataDenied
from include.clients.mlflow import log_file, log_metrics, mlflow_client, mlflow_errors, read_file
from include.projects import Project
from include.projects.evaluation import Behaviour, Case
from include.projects.tasks import UNLABELLED
from include.reports import Section, page, table
from include.reports.numbers import short
from include.settings import Settings
from include.training import parts as data
from include.training.code_checks import REPORT as CODE_REPORT
from include.training.code_checks import check_code
from include.training.code_checks_report import report
from include.training.cost import latency, memory
from include.training.errors import GateError, InputError
from include.training.learners import Fitted, predict
from include.training.metrics import gate_metric
from include.training.models import PARAMS, find_version, load_run
from include.training.parts import Arrays
from include.training.runs import split_of
from include.training.soundness import Check, check, integration, unit

if TYPE_CHECKING:
    from mlflow import MlflowClient

REPORT, RECORD = "reports/model_tests.html", "tests/model_tests.json"


def _say(line: str) -> None:
    print(line, flush=True)


def test_model(
    settings: Settings, project: Project, split: Mapping[str, Any], run_id: str, tell: Callable[[str], None] = _say
) -> dict[str, Any]:
    """Test a trained model, and keep the outcome with its run.

    Args:
        settings: of the product.
        project: ``training.tests`` says what is asked beyond what every model must do.
        split: reference to the split that the model was trained on.
        run_id: of `train`.
        tell: takes one line of progress.

    Returns:
        ``run_id``, ``passed`` (how many) and ``checks``: ``kind`` (code, unit, integration, minimum, invariance,
        directional, cost or regression), ``name``, ``value``, ``limit`` (in words), ``ok`` and ``note``.

    Raises:
        GateError: a test failed; all that failed are named with their figures.
        InputError: a function of the project failed, or the run holds no model.
        MlflowError: MLflow went away.
    """
    client = mlflow_client(settings)
    with mlflow_errors(settings, f"test the model of run {run_id}"):
        fitted = load_run(client, project, run_id)
        params = json.loads(read_file(client, run_id, PARAMS))
        test = data.load(settings, project, split, ("test",))["test"]
        checks = [*code(settings, client, project, split, run_id, tell), *unit(project, fitted, params, test)]
        checks += [*integration(project, fitted, test), *cases(project, fitted)]
        checks += [behaviour(project, fitted, test, one) for one in project.training.tests.behaviour]
        checks += costs(project, fitted, test)
        checks += regression(settings, client, project, fitted, run_id, test)
        for one in checks:
            wanted = "" if one["limit"] == "measured" else f", wanted {one['limit']}"
            outcome = "FAILED" if not one["ok"] else "passed" if wanted else "measured"
            note = f" ({one['note']})" if one["note"] else ""
            tell(f"{outcome} - {one['kind']}: {one['name']}: {short(one['value'])}{wanted}{note}")
        failed = [one for one in checks if not one["ok"]]
        log_metrics(client, run_id, {"test_tests_failed": len(failed), "test_tests_passed": len(checks) - len(failed)})
        result = {"run_id": run_id, "passed": len(checks) - len(failed), "checks": checks}
        client.log_dict(run_id, result, RECORD)
        log_file(client, run_id, REPORT, _page(project, run_id, checks).encode())
    if failed:
        raise GateError(f"the model of run {run_id}", checks)
    return result


test_model.__test__ = False  # type: ignore[attr-defined]  # it is no test of pytest's


def code(
    settings: Settings, client: MlflowClient, project: Project, split: Mapping[str, Any], run_id: str, tell: Callable[[str], None]
) -> list[Check]:
    """Return what the static checks of the project's code found; where they did not run yet, they run now."""
    if not project.training.code_checks.tools:
        return []
    made = check_code(settings, project, split, tell=tell)
    log_file(client, run_id, CODE_REPORT, report(project, made).encode())
    log_metrics(client, run_id, {"test_code_errors": made["errors"]})
    note = f"{made['warnings']} warnings, {made['ignored']} ignored; see run {made['run_id']}"
    return [check("code", "errors in the project's code", made["errors"], "0", made["ok"], note)]


def cases(project: Project, fitted: Fitted) -> list[Check]:
    """Test what any usable model can do: the items of ``training.tests.minimum``."""
    return [_case(project, fitted, one) for one in project.training.tests.minimum]


def _case(project: Project, fitted: Fitted, one: Case) -> Check:
    import numpy as np

    where = f"training.tests.minimum.{one.name} of {project.name}"
    made = _called(where, project.function(where, one.function))
    if not isinstance(made, tuple) or len(made) != 2 or len(made[0]) != len(made[1]) or not len(made[1]):
        raise InputError(f"{where} must give (contents, labels), as many labels as items, and some")
    contents, labels = made
    if project.control:
        from include.training.episodes import inputs_of

        outputs = fitted.predict(inputs_of(project, fitted.preparation, np.asarray(contents, dtype=np.float64)))
    else:
        outputs = predict(fitted, project, contents)
    names = project.control.actions if project.control else project.classes
    if project.task in ("classification", "control"):
        if strange := sorted({str(label) for label in labels} - set(names)):
            raise InputError(f"{where} gives labels that are no classes or actions: {', '.join(strange)}")
        right = np.array([names[place] for place in outputs.argmax(1)]) == np.array([str(label) for label in labels])
    else:
        right = np.abs(outputs - np.asarray(labels, dtype=np.float64)) <= one.tolerance
    share = float(right.mean())
    return check("minimum", one.name, share, f"at least {one.min_right:g} right", share >= one.min_right, f"{len(labels)} items")


def behaviour(project: Project, fitted: Fitted, test: Arrays, one: Behaviour) -> Check:
    """Test how answers change when items do: invariance and directional tests.

    Raises:
        InputError: the function of the project fails, or loses rows.
    """
    import numpy as np

    where = f"training.tests.behaviour.{one.name} of {project.name}"
    given = test.contents.copy()
    changed = _called(where, project.function(where, one.function), given)
    if len(changed) != len(test.labels):
        raise InputError(f"{where} gave {len(changed)} items for {len(test.labels)}: it must give each one changed")
    before, after = predict(fitted, project, test.contents), predict(fitted, project, changed)
    if one.kind == "invariance" and project.task in ("classification", "clustering", "control"):
        failed = before.argmax(1) != after.argmax(1)
    elif one.kind == "invariance":
        failed = np.abs(after - before).reshape(len(before), -1).max(1) > one.tolerance
    else:
        if project.task == "classification":
            place = project.classes.index(str(one.output))
            before, after = before[:, place], after[:, place]
        moved = (after - before) * (1 if one.direction == "up" else -1)
        failed = moved < -max(one.tolerance, 1e-6)
    share = float(failed.mean())
    note = f"{int(failed.sum())} of {len(failed)} items"
    return check(one.kind, one.name, share, f"at most {one.max_failed:g} of the items otherwise", share <= one.max_failed, note)


def costs(project: Project, fitted: Fitted, test: Arrays) -> list[Check]:
    """Measure one answer's time, memory of predicting the test part, and the size of the model's files."""
    wanted = project.training.tests
    told = [
        ("99th percentile of one answer, ms", latency(fitted, test.inputs), wanted.max_latency_ms),
        ("memory of predicting the test part, MB", memory(lambda: predict(fitted, project, test.contents)), wanted.max_memory_mb),
        ("size of the model, MB", sum(map(len, fitted.files().values())) / 2**20, wanted.max_size_mb),
    ]
    return [
        check("cost", name, value, "measured" if most is None else f"at most {most:g}", most is None or value <= most)
        for name, value, most in told
    ]


def regression(
    settings: Settings, client: MlflowClient, project: Project, fitted: Fitted, run_id: str, own: Arrays
) -> list[Check]:
    """Compare with the last confirmed model, on the test part that it was confirmed by.

    A model that was retrained on data of the ops zone was confirmed by a part that a job of the dev zone may not read:
    then the two are compared on ``own``, the test part of this run.
    """
    most, metric = project.training.tests.max_regression, gate_metric(project)
    if most is None:
        return []
    try:
        last = find_version(client, project, "confirmed")
    except InputError:
        return []  # the first model has none before it
    if not last.run_id or last.run_id == run_id:
        return []
    split = split_of(client.get_run(last.run_id).data.tags)
    names = ("train", "test") if project.task in UNLABELLED else ("test",)
    try:
        arrays, whose = data.load(settings, project, split, names), "its test part"
    except DataDenied:
        arrays, whose = {"test": own}, "this run's test part, since its own is of the ops zone"
        if "train" in names:
            arrays = data.load(settings, project, split_of(client.get_run(run_id).data.tags), names)
    test, old = arrays["test"], load_run(client, project, last.run_id)
    if project.task in UNLABELLED:
        from include.training.unlabelled import measure

        given = ((old, last.run_id), (fitted, run_id))
        params = [json.loads(read_file(client, one, PARAMS)) for _, one in given]
        both = [measure(project, model, known, arrays) for (model, _), known in zip(given, params, strict=True)]
        was, now = (found.metrics.get(metric.name, math.nan) for found in both)
    else:
        was, now = (metric.function(test.labels, predict(model, project, test.contents)) for model in (old, fitted))
    worse = was - now if metric.direction == "max" else (now - was) / max(abs(was), 1e-12)
    note = f"v{last.version} had {was:.4f}, this one has {now:.4f} on {len(test.labels)} rows of {whose}"
    name = f"{metric.name} lost against the last confirmed model"
    ok = math.isfinite(worse) and worse <= most
    return [check("regression", name, worse, f"at most {most:g}", ok, note)]


def _called(where: str, function: Callable[..., Any], *given: Any) -> Any:
    try:
        return function(*given)
    except Exception as cause:
        raise InputError(f"{where} raised {type(cause).__name__}: {cause}") from cause


def _page(project: Project, run_id: str, checks: list[Check]) -> str:
    results = {True: ("passed", "good"), False: ("failed", "bad")}
    rows = [
        [results[one["ok"]], one["kind"], one["name"], one["value"], one["limit"], one["note"]]
        for one in sorted(checks, key=lambda one: one["ok"])
    ]
    failed = [one["name"] for one in checks if not one["ok"]]
    verdict = (f"All {len(checks)} tests passed", "good")
    if failed:
        verdict = (f"{len(failed)} of {len(checks)} tests failed: {', '.join(failed)}", "bad")
    head = ["", "kind", "test", "value", "wanted", "note"]
    return page(f"Tests of the model of {project.title}", [Section("Tests", table(head, rows))], f"Run {run_id}", verdict)
