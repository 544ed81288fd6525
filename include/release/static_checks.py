"""Checks the inference code of a release without a model: lint, security, interface, serving environment."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from include.projects import Project
from include.release.errors import ReleaseError
from include.release.inference_code import components, described, inference_files, product_files
from include.release.samples import made_up
from include.settings import Settings
from include.training.code_checks_tools import LINT_RULES, Finding, bare, finding, lint, security

PROBE = Path(__file__).with_name("interface_probe.py")
SAMPLE_ROWS = 17
SAMPLE_WIDTH = 4  # of outputs whose width the model decides
TIMEOUT_S = 60


def static_checks(settings: Settings, project: Project, release_id: str = "", release_run_id: str = "") -> dict[str, Any]:
    """Check the inference code of a project.

    Args:
        settings: give the serving environment's Python; MLflow where the report is stored.
        project: its preprocess and postprocess modules are checked.
        release_id: the release, for the error; the project's name where none is given.
        release_run_id: of `start_release_run`; the report is stored there where one is given.

    Returns:
        ``ok``, ``problems``, ``tools`` (name -> version or what was compared), ``files`` and ``findings``: each with
        ``tool``, ``severity`` (``error`` or ``warning``), ``file``, ``line``, ``rule``, ``message``.

    Raises:
        ReleaseError: there is a finding of severity ``error``.
    """
    report = check_code(project, settings.serving_python)
    subject = release_id or project.name
    if release_run_id:
        from include.release.reports import conclude

        return conclude(settings, release_run_id, "static_checks", subject, report)
    if not report["ok"]:
        raise ReleaseError(subject, report["problems"], report)
    return report


def check_code(project: Project, serving_python: Path) -> dict[str, Any]:
    """Return the report of `static_checks`, whatever it says."""
    files = inference_files(project)
    findings: list[Finding] = []
    with tempfile.TemporaryDirectory() as folder:
        # A copy: what the project's folder holds beside the packaged modules must not be there to import.
        code = Path(folder) / "code" / "inference"
        code.mkdir(parents=True)
        for name, path in files.items():
            shutil.copy(path, code / name)
        paths = [code / name for name in files if name.endswith(".py")]
        findings += [*lint(paths, code), *security(paths, code)] if paths else []
        versions = {"ruff": LINT_RULES, "bandit": "all"}
        if not any(f["rule"] == "invalid-syntax" for f in findings):
            interface, environments = _interface(project, code.parent, serving_python)
            findings += interface
            versions["interface"] = environments
    findings.sort(key=lambda f: (f["severity"], f["file"], f["line"], f["rule"]))
    problems = [f"{f['file']}:{f['line']}: {f['rule']} {f['message']}" for f in findings if f["severity"] == "error"]
    return {"ok": not problems, "problems": problems, "findings": findings, "files": sorted(files), "tools": versions}


def _interface(project: Project, code: Path, serving_python: Path) -> tuple[list[Finding], str]:
    """Run the code on sample rows here and in the serving environment, and compare every value."""
    import numpy as np

    if not serving_python.is_file():
        raise ReleaseError(
            project.name,
            [f"no serving environment at {serving_python}: run `make up`, or set DEVMLOPS_SERVING_PYTHON to its Python"],
        )
    order = code.parent / "order.json"
    named = components(project)
    product = code / "serving"
    product.mkdir()
    for name, path in product_files(bool(project.transforms)).items():
        shutil.copy(path, product / name)
    order.write_text(json.dumps({**named, **_order(project)}), encoding="utf-8")
    findings: list[Finding] = []
    tensors: dict[str, Mapping[str, Any]] = {}
    versions: dict[str, str] = {}
    for place, python in (("product", Path(sys.executable)), ("serving", serving_python)):
        result = code.parent / f"{place}.npz"
        try:
            answer = json.loads(_run([str(python), "-IB", str(PROBE), str(code), str(order), str(result)], (0,)).splitlines()[-1])
        except subprocess.TimeoutExpired:
            findings.append(
                finding("interface", "error", "preprocess.py", 1, "timeout", f"no end after {TIMEOUT_S} s in {place}")
            )
            continue
        versions[place] = f"{place} Python {answer['python']} numpy {answer['numpy']}"
        for module, line, rule, message in answer["problems"]:
            where = f" (numpy {answer['numpy']})" if place == "serving" else ""
            findings.append(finding("interface", "error", f"{module}.py", line, rule, message + where))
        with np.load(result) as arrays:
            tensors[place] = dict(arrays)
    if not findings:
        findings += _differences(tensors["product"], tensors["serving"], named)
    return _unique(findings), ", ".join(versions.values())


def _order(project: Project) -> dict[str, Any]:
    """Return what the probe is to try."""
    about = {**described(project), "project": project.name, "classes": len(project.classes), "width": SAMPLE_WIDTH}
    if about["content"]["kind"] == "array":
        return {**about, "rows": SAMPLE_ROWS}
    contents = [base64.b64encode(content).decode() for content in made_up(project, SAMPLE_ROWS)[:, 0]]
    return {**about, "rows": SAMPLE_ROWS, "contents": contents}


def _differences(one: Mapping[str, Any], other: Mapping[str, Any], components: Mapping[str, str | None]) -> list[Finding]:
    import numpy as np

    findings = []
    for key in sorted(one):
        difference = float(np.abs(one[key].astype(np.float64) - other[key].astype(np.float64)).max())
        if not difference <= 1e-6:
            file = str(components[key.split()[0]]).partition(":")[0] + ".py"
            message = f"{key} differs by {difference:.3g} between the product's numpy and the serving environment's"
            findings.append(finding("interface", "error", file, 1, "numpy", message))
    return findings


def _unique(findings: Iterable[Finding]) -> list[Finding]:
    seen: dict[tuple[Any, ...], Finding] = {}
    for f in findings:
        seen.setdefault((f["file"], f["line"], f["rule"]), f)
    return list(seen.values())


def _run(command: list[str], expected: tuple[int, ...]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, env=bare())
    if done.returncode not in expected:
        tail = (done.stderr.strip() or done.stdout.strip())[-1000:]
        raise ReleaseError(Path(command[0]).name, [f"{' '.join(command[1:4])} ended with {done.returncode}: {tail}"])
    return done.stdout
