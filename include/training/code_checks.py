"""Static checks of a model's code: style that is an error, types, security, and whether its components fit together.

They take seconds and come before the search for hyperparameters: code that cannot give a model shall not cost hours. What
they find is kept in MLflow by the digest of code and data, and is a test of every model that is trained with that code
(`include.training.model_tests`), so that code with errors is never confirmed.
"""

from __future__ import annotations

import hashlib
import json
import pickle
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.clients.mlflow import (
    ensure_experiment,
    find_runs,
    log_file,
    log_metrics,
    mlflow_client,
    mlflow_errors,
    read_file,
)
from include.errors import FinalError
from include.management import code_of
from include.projects import Project
from include.reports.links import mlflow_run_url
from include.settings import ROOT, Settings
from include.training import runs
from include.training.code_checks_probe import STEP
from include.training.code_checks_report import PACKAGES, outcome, report
from include.training.code_checks_tools import (
    LINT_RULES,
    TYPES,
    Finding,
    TookTooMuch,
    finding,
    lint,
    run_limited,
    security,
    types,
)
from include.training.reproducibility import IGNORED

if TYPE_CHECKING:
    from mlflow import MlflowClient

KIND, RESULT, REPORT = "code_checks", "code_checks.json", "reports/code_checks.html"
MARK = "devmlops.checked"
SHOWN = 10


class CodeError(FinalError, RuntimeError):
    """Code of a project that no model is trained with.

    Attributes:
        findings: the errors: tool, file, line, rule, message.
    """

    def __init__(self, project: str, findings: list[Finding], report: str = "") -> None:
        self.findings = findings
        said = "; ".join(f"{one['file']}:{one['line']}: {one['rule']} {one['message']}" for one in findings[:SHOWN])
        more = f"; and {len(findings) - SHOWN} more" if len(findings) > SHOWN else ""
        advice = "mend them, or name a rule that does not matter here under training.code_checks.ignore with the reason"
        where = f" (report: {report})" if report else ""
        super().__init__(
            f"the code of {project} has {len(findings)} errors: {said}{more}. {advice[0].upper()}{advice[1:]}{where}"
        )


def _say(line: str) -> None:
    print(line, flush=True)


def check_code(
    settings: Settings,
    project: Project,
    split: Mapping[str, Any],
    author: str = "devmlops",
    key: str | None = None,
    tell: Callable[[str], None] = _say,
) -> dict[str, Any]:
    """Check a project's code with a few rows of a split, and keep the outcome as a run in MLflow.

    The same code with the same split is checked once. On ops data, where code was confirmed after it had passed, it is
    not checked again as long as the same tools would check it.

    Args:
        settings: of the product.
        project: ``training.code_checks`` says what is checked and which rules do not count.
        split: reference to the split (`include.data.make_split`).
        author: who started it.
        key: of the caller, such as an Airflow run id.
        tell: takes one line of progress.

    Returns:
        ``ok``, ``errors``, ``warnings`` and ``ignored`` (how many), ``findings`` (tool, severity, file, line, rule,
        message, and the reason where it is ignored), ``tools`` (name -> version), ``run_id`` and ``report`` (its address).

    Raises:
        ToolError: a tool could not do its work.
        MlflowError: MLflow went away.
    """
    client = mlflow_client(settings)
    with mlflow_errors(settings, f"check the code of {project.name}"):
        runs.finished(client, project, KIND, key)  # closes what an earlier try left open
        if earlier := _earlier(client, project, split) or (_passed(client, project) if split.get("zone") == "ops" else None):
            tell(f"this code was checked before: run {earlier['run_id']}")
            return earlier
        wish = project.training.code_checks
        params = {"tools": ", ".join(wish.tools) or "none", "ignored_rules": len(wish.ignore)}
        run_id = runs.start(settings, client, project, KIND, split, author, params, "code checks", key)
        client.set_tag(run_id, MARK, _mark(project))
        with runs.closing(client, run_id):
            made = inspect(settings, project, split, tell)
            experiment = client.get_run(run_id).info.experiment_id
            address = mlflow_run_url(settings, experiment, run_id, REPORT)
            made |= {"run_id": run_id, "report": address}
            log_metrics(client, run_id, {f"code_{name}": made[name] for name in ("errors", "warnings", "ignored")})
            log_file(client, run_id, REPORT, report(project, made).encode())
            client.log_dict(run_id, made, RESULT)
    return made


def passed(settings: Settings, project: Project) -> dict[str, Any] | None:
    """Return the outcome of checks that this code passed with any split; None where it did not, or tools have changed since.

    Raises:
        MlflowError: MLflow went away.
    """
    client = mlflow_client(settings)
    with mlflow_errors(settings, f"look for checks of the code of {project.name}"):
        return _passed(client, project)


def refuse(project: Project, made: Mapping[str, Any]) -> None:
    """Raise where `check_code` found errors.

    Raises:
        CodeError: it did.
    """
    if not made["ok"]:
        errors = [one for one in made["findings"] if one["severity"] == "error"]
        raise CodeError(project.name, errors, str(made.get("report", "")))


def inspect(settings: Settings, project: Project, split: Mapping[str, Any], tell: Callable[[str], None]) -> dict[str, Any]:
    """Return the outcome of the checks, without ``run_id`` and ``report``; arguments as of `check_code`."""
    from include.data import load_part

    wish, found = project.training.code_checks, list[Finding]()
    static = [tool for tool in wish.tools if tool != "interface"]
    if static:
        found += static_findings(project, static)
        tell(f"{', '.join(PACKAGES[tool] for tool in static)}: {len(found)} findings")
    if "interface" in wish.tools:
        part = load_part(settings, project, dict(split), "train")
        wrong = interface(project, *_rows(project, part.contents, part.labels))
        tell(f"interface with {min(wish.rows, len(part.labels))} rows: {len(wrong)} findings")
        found += wrong
    return outcome(project, found)


def static_findings(project: Project, tools: list[Any]) -> list[Finding]:
    """Return what tools find that do not run the code, in all Python files of the project's folder."""
    inside = [path.relative_to(project.folder) for path in sorted(project.folder.rglob("*.py"))]
    inside = [path for path in inside if not any(part in IGNORED or part.startswith(".") for part in path.parts)]
    found: list[Finding] = []
    with tempfile.TemporaryDirectory() as folder:
        # A copy: what lies beside the code, such as settings of these tools, has no say.
        package = Path(folder).resolve()
        root = package / "include" / "projects" / project.name
        for path in inside:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(project.folder / path, root / path)
        paths = [root / path for path in inside]
        if not paths:
            return []
        if "lint" in tools:
            found += lint(paths, root)
        if "security" in tools:
            found += security(paths, root)
        if "types" in tools:
            found += types(paths, package, root)
    return found


def interface(project: Project, contents: Any, labels: Any) -> list[Finding]:
    """Return what is wrong with how the project's components work together; their code runs in a process of its own."""
    wish = project.training.code_checks
    with tempfile.TemporaryDirectory() as folder:
        order, result = Path(folder) / "order", Path(folder) / "result.json"
        order.write_bytes(pickle.dumps({"project": project, "contents": contents, "labels": labels}))
        command = [sys.executable, "-m", "include.training.code_checks_probe", str(order), str(result)]
        try:
            code, output = run_limited(command, wish.seconds, wish.memory_mb, ROOT)
        except TookTooMuch as much:
            return [_interrupted(much.what, str(much), much.output)]
        if not result.is_file():
            said = next((line for line in reversed(output.splitlines()) if line.strip()), "without a word")
            return [_interrupted("died", f"ended its process with {code}: {said}", output)]
        rows = json.loads(result.read_text(encoding="utf-8"))
    return [finding("interface", "error", file, line, rule, message) for file, line, rule, message in rows]


def _interrupted(rule: str, problem: str, output: str) -> Finding:
    """Return the finding for a step that did not come to its end; the last one that was told is the one."""
    last = next((line for line in reversed(output.splitlines()) if line.startswith(STEP)), None)
    _, reference, what = json.loads(last.removeprefix(STEP)) if last else (None, None, "loading the product")
    file = f"{reference.partition(':')[0].replace('.', '/')}.py" if reference else "project.yaml"
    return finding("interface", "error", file, 1, rule, f"{what} {problem}")


def _rows(project: Project, contents: Any, labels: Any) -> tuple[Any, Any]:
    """Return a few rows, of each class alike."""
    import numpy as np

    labels, most = np.asarray(labels), project.training.code_checks.rows
    if project.task == "classification":
        places = [np.flatnonzero(labels == one) for one in np.unique(labels)]
        each = max(2, most // max(1, len(places)))
        chosen = np.sort(np.concatenate([place[:each] for place in places]))
    else:
        chosen = np.unique(np.linspace(0, len(labels) - 1, min(most, len(labels))).astype(int))
    taken = contents.iloc[chosen].reset_index(drop=True) if hasattr(contents, "iloc") else contents[chosen]
    return taken, labels[chosen]


def _mark(project: Project) -> str:
    """Return what tells whether these checks would find anything else: the project's code and the tools."""
    versions = [f"{name}=={metadata.version(name)}" for name in PACKAGES.values()]
    return hashlib.sha256(" ".join([code_of(project).digest, LINT_RULES, TYPES, *versions]).encode()).hexdigest()


def _earlier(client: MlflowClient, project: Project, split: Mapping[str, Any]) -> dict[str, Any] | None:
    return next(_outcomes(client, project, {"split_digest": str(split.get("split_digest"))}), None)


def _passed(client: MlflowClient, project: Project) -> dict[str, Any] | None:
    return next((made for made in _outcomes(client, project, {}) if made["ok"]), None)


def _outcomes(client: MlflowClient, project: Project, tags: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    experiment = ensure_experiment(client, runs.experiment(project))
    for run in find_runs(client, experiment, {"devmlops.kind": KIND, MARK: _mark(project), **tags}):
        if run.info.status == "FINISHED":
            yield dict(json.loads(read_file(client, run.info.run_id, RESULT)))
