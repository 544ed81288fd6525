from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from include.local.triton_install import install
from include.release.errors import ReleaseError
from include.release.static_checks import check_code, static_checks
from include.settings import ROOT, Settings
from tests.include.release.conftest import POSTPROCESS, PREPROCESS, make_project

pytestmark = pytest.mark.integration  # the serving environment must be installed


@pytest.fixture(scope="module")
def serving_python() -> Path:
    install(ROOT / ".devmlops" / "triton")
    return ROOT / ".devmlops" / "triton" / "env" / "bin" / "python"


def test_good_code_passes_and_both_numpys_were_used(tmp_path: Path, serving_python: Path) -> None:
    report = check_code(make_project(tmp_path), serving_python)
    assert report["ok"] and report["findings"] == [] and report["files"] == ["postprocess.py", "preprocess.py"]
    assert "numpy 2." in report["tools"]["interface"] and "numpy 1.26" in report["tools"]["interface"]


BODY = "import numpy as np\n\n\ndef preprocess(images):\n    "
FAULTS = {
    "unused name": (PREPROCESS.replace("import numpy", "import json\nimport numpy"), "preprocess.py", 3, "F401"),
    "mutable default": (PREPROCESS.replace("(images)", "(images, seen=[])"), "preprocess.py", 6, "B006"),
    "syntax": ("def preprocess(images)\n    pass\n", "preprocess.py", 1, "invalid-syntax"),
    "eval": (PREPROCESS + "\n\nx = eval('1')\n", "preprocess.py", 11, "B307"),
    "missing function": ("import numpy as np\n\nx = np.zeros(1)\n", "preprocess.py", 1, "import"),
    "two arguments": (PREPROCESS.replace("(images)", "(images, scale)"), "preprocess.py", 6, "signature"),
    "product import": ("from include.settings import ROOT\n" + PREPROCESS + "\n\nx = ROOT\n", "preprocess.py", 1, "import"),
    "torch": (PREPROCESS.replace("import numpy", "import torch\nimport numpy") + "\n\nx = torch\n", "preprocess.py", 3, "import"),
    "numpy 2 only": (BODY + "return np.astype(images, np.float32)[:, None] / np.float32(16)\n", "preprocess.py", 5, "run"),
    "float64": (BODY + "return np.asarray(images, dtype=np.float64)[:, None] / 16\n", "preprocess.py", 4, "output"),
    "batch": (
        BODY + "x = np.asarray(images, dtype=np.float32)[:, None]\n    return x / x.max()\n",
        "preprocess.py",
        4,
        "batch",
    ),
    "by type": (
        BODY + "scale = 16 if images.dtype == np.uint8 else 1\n    return np.float32(images / scale)[:, None]\n",
        "preprocess.py",
        4,
        "dtype",
    ),
    "writes its input": (
        BODY + "images[0, 0, 0] += 1\n    return (np.asarray(images, dtype=np.float32) / 16)[:, None]\n",
        "preprocess.py",
        4,
        "input-changed",
    ),
    "not finite": (BODY + "return np.log(np.asarray(images, dtype=np.float32))[:, None]\n", "preprocess.py", 4, "not-finite"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_wrong_preprocess_is_found_with_file_line_and_rule(tmp_path: Path, serving_python: Path, fault: str) -> None:
    source, file, line, rule = FAULTS[fault]
    report = check_code(make_project(tmp_path, preprocess=source), serving_python)
    errors = {(f["file"], f["line"], f["rule"]) for f in report["findings"] if f["severity"] == "error"}
    assert not report["ok"] and (file, line, rule) in errors, report["findings"]
    assert any(p.startswith(f"{file}:{line}: {rule} ") for p in report["problems"])


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("astype(np.int32)", "astype(np.int64)", "output"),
        ('"LABEL": ', '"label": ', "output"),
        ("[:, None]", "[:, None] + 1", "label"),
        ("powers / powers.sum(axis=1, keepdims=True)", "powers / 10", "probabilities"),
    ],
)
def test_wrong_postprocess_is_found(tmp_path: Path, serving_python: Path, old: str, new: str, rule: str) -> None:
    assert old in POSTPROCESS
    report = check_code(make_project(tmp_path, postprocess=POSTPROCESS.replace(old, new)), serving_python)
    assert [f["rule"] for f in report["findings"] if f["severity"] == "error"] == [rule]


def test_low_findings_only_warn(tmp_path: Path, serving_python: Path) -> None:
    report = check_code(make_project(tmp_path, preprocess=PREPROCESS + "\n\nassert preprocess\n"), serving_python)
    assert report["ok"] and [(f["severity"], f["rule"]) for f in report["findings"]] == [("warning", "B101")]


def test_inference_code_sees_no_secret(tmp_path: Path, serving_python: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEVMLOPS_DATA_DEV_SECRET_KEY", "hush")
    spy = PREPROCESS + "\n\nimport os  # noqa\nif 'DEVMLOPS_DATA_DEV_SECRET_KEY' in os.environ:\n    raise RuntimeError('seen')\n"
    report = check_code(make_project(tmp_path, preprocess=spy), serving_python)
    assert "seen" not in str(report["findings"])


def test_a_release_is_refused_with_every_finding(tmp_path: Path, serving_python: Path) -> None:
    project = make_project(tmp_path, preprocess=PREPROCESS.replace("import numpy", "import json\nimport numpy"))
    settings = Settings(serving_python=serving_python)
    with pytest.raises(ReleaseError, match=r"digits-r0001: preprocess\.py:3: F401") as caught:
        static_checks(settings, project, "digits-r0001")
    assert caught.value.report is not None and len(caught.value.report["findings"]) == 1


def test_without_a_serving_environment_it_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="run `make up`"):
        check_code(make_project(tmp_path), tmp_path / "python")


def test_same_numpy_on_both_sides_is_no_proof(tmp_path: Path) -> None:
    """The report says which numpy each side had, so a wrong setting shows."""
    report: dict[str, Any] = check_code(make_project(tmp_path), Path(sys.executable))
    assert report["tools"]["interface"].count("numpy 2.") == 2
