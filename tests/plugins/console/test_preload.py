"""The imports of DAG files, loaded ahead."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from plugins.console.preload import names, preload

ROOT = Path(__file__).resolve().parents[3]


def test_what_a_dag_file_imports_of_the_product() -> None:
    source = "from airflow.sdk import DAG\nfrom operators.data import A, B\nfrom include.x import c\nfrom . import e\n"
    assert names(source) == [("operators.data", "A"), ("operators.data", "B"), ("include.x", "c")]
    assert names("def 깨진(") == names("\0") == []


def test_every_import_of_the_shipped_dags_is_loaded() -> None:
    code = (
        "import sys; from pathlib import Path; from plugins.console.preload import names, preload; "
        "preload(Path('dags')); before = set(sys.modules); import importlib; "
        "[getattr(importlib.import_module(m), n) for f in Path('dags').glob('*.py') for m, n in names(f.read_text())]; "
        "heavy = {'torch', 'ray', 'mlflow', 'pandas'} & set(sys.modules); "
        "print(sorted(set(sys.modules) - before), 'operators.training.jobs' in before, heavy)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines()[-1] == "[] True set()", done.stderr


def test_what_cannot_be_imported_stops_nothing(tmp_path: Path, caplog) -> None:
    (tmp_path / "a.py").write_text("from operators.nothing import X\nfrom include.projects import load_project\n")
    (tmp_path / "b.py").write_bytes(b"\xff\xfe")
    preload(tmp_path)
    assert "operators.nothing" in caplog.text and "load_project" not in caplog.text
