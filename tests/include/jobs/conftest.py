"""What the tests of jobs share."""

from __future__ import annotations

from pathlib import Path

import pytest

from include.settings import Settings


@pytest.fixture
def settings(tmp_path: Path, sample_jobs: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return settings under the test's folder, with jobs of `sample_jobs.py` known here and in children."""
    monkeypatch.setenv("PYTHONPATH", str(sample_jobs))
    return Settings(home=tmp_path / "home", source_url="sqlite:///secret-password")  # type: ignore[arg-type]
