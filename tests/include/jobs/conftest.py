"""Jobs that exist for the tests alone: children learn of them when Python starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from include.jobs.registry import JOBS, Job
from include.settings import Settings

HERE = Path(__file__).parent
NAMES = ("count", "sleep", "stubborn", "fail", "refuse", "die", "brood", "no_dict", "not_json", "tell_environment", "use_ray")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return settings under the test's folder, with jobs of `sample_jobs.py` known here and in children."""
    for name in NAMES:
        monkeypatch.setitem(JOBS, name, Job(f"sample_jobs:{name}", "for tests"))
    site = tmp_path / "site"
    site.mkdir()
    (site / "sample_jobs.py").write_text((HERE / "sample_jobs.py").read_text())
    (site / "sitecustomize.py").write_text(
        "import sys\n"
        "if 'include.jobs' in sys.orig_argv:\n"
        "    from include.jobs.registry import JOBS, Job\n"
        f"    JOBS.update({{name: Job('sample_jobs:' + name, 'for tests') for name in {NAMES!r}}})\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(site))
    return Settings(home=tmp_path / "home", source_url="sqlite:///secret-password")  # type: ignore[arg-type]
