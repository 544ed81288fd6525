import shutil
import sys

import numpy as np
import pytest

from include.clients.mlflow import ensure_experiment, find_runs, mlflow_client, read_file
from include.projects import load_project
from include.projects.code_checks import CodeChecks
from include.settings import ROOT
from include.training import code_checks
from include.training.code_checks import REPORT, CodeError, check_code, interface, passed, refuse, static_findings
from include.training.code_checks_report import outcome, report
from include.training.code_checks_tools import TookTooMuch, finding, run_limited

TOOLS = ["lint", "security", "types"]


@pytest.fixture
def made(tmp_path):
    """Return a function that copies digits with other code and settings of the checks."""

    def project(files=None, **wish):
        folder = tmp_path / "digits"
        if not folder.exists():
            shutil.copytree(ROOT / "include" / "projects" / "digits", folder, ignore=shutil.ignore_patterns("__pycache__"))
        for name, text in (files or {}).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
        found = load_project("digits", tmp_path)
        training = found.training.model_copy(update={"code_checks": CodeChecks(**wish)})
        return found.model_copy(update={"training": training})

    return project


@pytest.mark.parametrize("name", ["digits", "breast_masses", "co2_levels", "support_tickets"])
def test_shipped_code_is_clean(name):
    project = load_project(name)
    assert outcome(project, static_findings(project, TOOLS))["errors"] == 0


@pytest.mark.parametrize(
    ("file", "text", "place", "tool", "rule"),
    [
        ("model.py", "import json\n", 1, "ruff", "F401"),
        ("층/층들.py", "def f(x):\n    return y\n", 2, "ruff", "F821"),
        ("model.py", "def build(params)\n    pass\n", 1, "ruff", "invalid-syntax"),
        ("model.py", "def f(n: int) -> str:\n    return n\n", 2, "mypy", "return-value"),
        ("model.py", "from include.projects.digits.parts import Part\n\nPart(1, 2)\n", 3, "mypy", "call-arg"),
        ("model.py", "import pickle\n\n\ndef f(path):\n    return eval(path), pickle\n", 5, "bandit", "B307"),
    ],
)
def test_a_fault_is_found_with_its_place(made, file, text, place, tool, rule):
    parts = "class Part:\n    def __init__(self, only: int) -> None:\n        self.only = only\n"
    found = static_findings(made({"parts.py": parts, file: text}), TOOLS)
    assert (file, place, tool, rule) in {(one["file"], one["line"], one["tool"], one["rule"]) for one in found}


def test_settings_that_lie_beside_the_code_have_no_say(made):
    project = made(
        {"ruff.toml": 'lint.ignore = ["F401"]\n', "mypy.ini": "[mypy]\nignore_errors = true\n", "model.py": "import os\n"}
    )
    assert [one["rule"] for one in static_findings(project, ["lint"])] == ["F401"]


def test_what_project_yaml_ignores_is_told_with_its_reason(made):
    ignore = [
        {"rule": "F4*", "files": "model.py", "reason": "어댑터가 이 이름을 읽습니다 <b>"},
        {"rule": "B999", "reason": "nothing finds this one"},
    ]
    project = made({"model.py": "import os\n", "other.py": "import os\n"}, tools=["lint"], ignore=ignore)
    found = outcome(project, static_findings(project, ["lint"]))
    assert [(one["severity"], one["file"], one["rule"]) for one in found["findings"]] == [
        ("error", "other.py", "F401"),
        ("warning", "project.yaml", "unused-ignore"),
        ("ignored", "model.py", "F401"),
    ]
    assert not found["ok"] and (found["errors"], found["warnings"], found["ignored"]) == (1, 1, 1)
    html = report(project, found)
    assert "어댑터가 이 이름을 읽습니다 &lt;b&gt;" in html and "other.py:1" in html and "<b>" not in html


def test_a_reason_must_be_given():
    with pytest.raises(ValueError, match="reason"):
        CodeChecks(ignore=[{"rule": "F401", "reason": "no"}])
    with pytest.raises(ValueError, match="tools names one twice"):
        CodeChecks(tools=["lint", "lint"])


def test_an_error_names_file_line_and_rule_and_what_to_do(made):
    found = [finding("ruff", "error", f"m{n}.py", n, "F401", "unused") for n in range(12)]
    with pytest.raises(
        CodeError, match=r"12 errors: m0\.py:0: F401 unused; .*and 2 more\. Mend them.*training\.code_checks\.ignore"
    ):
        refuse(made(), outcome(made(), found))
    refuse(made(), outcome(made(), [finding("bandit", "warning", "m.py", 1, "B101", "assert")]))


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("import time\ntime.sleep(60)", "time"),
        ("import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'x = b\"1\" * 900 * 2**20; input()'])", "memory"),
    ],
)
def test_limits_hold_for_a_process_and_its_children(code, what):
    with pytest.raises(TookTooMuch) as much:
        run_limited([sys.executable, "-c", f"print('began', flush=True)\n{code}"], 3 if what == "time" else 60, 300)
    assert much.value.what == what and "began" in much.value.output


def test_foreign_code_sees_no_credentials(monkeypatch):
    monkeypatch.setenv("DEVMLOPS_SLACK_TOKEN", "xoxb-secret")
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "secret")
    code, output = run_limited(
        [sys.executable, "-c", "import os; print([n for n in os.environ if 'LOPS' in n or 'AIRFLOW' in n])"], 60, 500
    )
    assert (code, output.strip()) == (0, "[]")


SITE = """import sys
if any("code_checks_probe" in word for word in sys.orig_argv):
    sys.path.insert(0, {root!r})
    import include.projects
    include.projects.__path__.insert(0, {folder!r})
"""


@pytest.mark.parametrize(
    ("model", "rule", "says"),
    [
        ("import time\ntime.sleep(60)\n", "time", "importing components.model did not end within 4 s"),
        ("kept = b'x' * (3 * 2**30)\n", "memory", "importing components.model took more than 512 MB"),
        ("import os\nos._exit(7)\n", "died", "importing components.model ended its process with 7"),
        ("import sys\nsys.exit('갑자기')\n", "import", "importing components.model: SystemExit: 갑자기"),
        ("def build(params)\n    pass\n", "import", "SyntaxError"),
    ],
)
def test_code_that_never_ends_or_takes_all_memory_is_named(made, tmp_path, monkeypatch, model, rule, says):
    project = made({"model.py": model}, seconds=4, memory_mb=512)
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(SITE.format(root=str(ROOT), folder=str(tmp_path)))
    monkeypatch.setenv("PYTHONPATH", str(site))
    (found,) = interface(project, np.zeros((8, 8, 8), np.uint8), np.arange(8))
    assert (found["file"], found["rule"]) == ("model.py", rule) and says in found["message"]


@pytest.mark.integration
def test_the_same_code_is_checked_once_and_its_errors_stay(settings, made, split, monkeypatch):
    class Part:
        contents, labels = np.zeros((8, 8, 8), np.uint8), np.arange(8)

    calls = []
    monkeypatch.setattr("include.data.load_part", lambda *given: Part())
    monkeypatch.setattr(code_checks, "interface", lambda *given: calls.append(1) or [])
    project = made({"model.py": "import os\n"})
    first = check_code(settings, project, split, "민지", "k1", lambda line: None)
    assert not first["ok"] and "F401" in {one["rule"] for one in first["findings"]}
    assert check_code(settings, project, split, key="k2", tell=lambda line: None) == first and len(calls) == 1
    client = mlflow_client(settings)
    run = client.get_run(first["run_id"])
    assert run.info.status == "FINISHED" and run.data.metrics["code_errors"] == first["errors"]
    assert run.data.tags["devmlops.author"] == "민지" and f"{first['run_id']}/artifacts/{REPORT}" in first["report"]
    assert b"model.py:1" in read_file(client, first["run_id"], REPORT)
    mended = check_code(settings, made({"model.py": "WIDTH = 3\n"}), split, key="k3", tell=lambda line: None)
    assert mended["ok"] and mended["run_id"] != first["run_id"] and len(calls) == 2
    ops = {**split, "zone": "ops", "repository": "digits-ops", "split_digest": "sha256:" + "cd" * 32}
    again = made({"model.py": "WIDTH = 3\n"})
    assert check_code(settings, again, ops, key="k4", tell=lambda line: None) == mended == passed(settings, again)
    assert len(calls) == 2, "confirmed code that has passed is not checked again for other rows"
    assert passed(settings, made({"model.py": "import os\n"})) is None
    monkeypatch.setattr(code_checks, "LINT_RULES", "E9,F,B")
    assert passed(settings, again) is None, "other tools may find something else"
    experiment = ensure_experiment(client, "digits/training")
    assert len(find_runs(client, experiment, {"devmlops.kind": "code_checks", "split_digest": split["split_digest"]})) >= 2
