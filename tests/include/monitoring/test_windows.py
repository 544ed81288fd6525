"""Windows are made once, from new rows alone, and the watch raises drift once."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from include.inference import end_cursor, read
from include.ledger import Ledger
from include.management import NotReleased, code_of, released
from include.monitoring import windows
from include.monitoring.errors import MonitoringError
from include.monitoring.sketch import Sketch
from include.monitoring.windows import Drift, alert_key, next_windows, watch
from include.projects import Project
from include.settings import Settings


class Reader:
    """Counts the records that are read from the log."""

    def __init__(self) -> None:
        self.records = 0

    def __call__(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        for item in read(*args, **kwargs):
            self.records += 1
            yield item

    def taken(self) -> int:
        """Return the count since the last call."""
        count, self.records = self.records, 0
        return count


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Reader:
    """Watches what the windows read."""
    made = Reader()
    monkeypatch.setattr(windows, "read", made)
    return made


def test_full_windows_are_stored_and_incomplete_ones_wait(
    settings: Settings, project: Project, ledger: Ledger, traffic: Any, on_production: str
) -> None:
    assert next_windows(settings, project) == []
    traffic.send(120)
    made = next_windows(settings, project)
    assert [(w.number, w.rows, w.release_id) for w in made] == [(1, 50, on_production), (2, 50, on_production)]
    assert next_windows(settings, project) == []
    traffic.send(30)
    assert [w.number for w in next_windows(settings, project)] == [3]
    stored = ledger.windows(project.name)
    assert [w.start for w in stored] == ["1:0", stored[0].end, stored[1].end]
    assert stored[-1].end == end_cursor(settings.prediction_log, project.name)
    assert all(w.score < 0.2 for w in stored)
    assert stored[0].details["no_drift_quantile_99"] > 0 and stored[0].details["threshold"] == 0.2


def test_nothing_is_read_twice(
    settings: Settings, project: Project, ledger: Ledger, traffic: Any, on_production: str, reader: Reader
) -> None:
    traffic.send(130)
    next_windows(settings, project)
    assert reader.taken() == 130
    next_windows(settings, project)
    assert reader.taken() == 0
    traffic.send(15)
    next_windows(settings, project)
    assert reader.taken() == 15
    # Another process knows the stored windows alone: it reads the 45 rows of the unfinished one, no more.
    windows._unfinished.clear()
    next_windows(settings, project)
    assert reader.taken() == 45
    traffic.send(5)
    assert [w.number for w in next_windows(settings, project)] == [3] and reader.taken() == 5


def test_batches_count_as_their_rows_and_are_not_divided(
    settings: Settings, project: Project, ledger: Ledger, traffic: Any, on_production: str
) -> None:
    traffic.send(128, batch=32)
    assert [w.rows for w in next_windows(settings, project)] == [64, 64]


def test_only_production_rows_of_the_current_release_count(
    settings: Settings, project: Project, ledger: Ledger, traffic: Any, on_production: str
) -> None:
    traffic.send(60, route="staging", shift=5)
    traffic.send(60, release="shapes-r0099", shift=5)
    traffic.send(50)
    (window,) = next_windows(settings, project)
    assert window.rows == 50 and window.score < 0.2
    assert window.details["left_out"] == {"other_route": 60, "other_release": 60, "unreadable": 0}


def test_unreadable_records_do_not_stop_the_watch(
    settings: Settings, project: Project, ledger: Ledger, traffic: Any, on_production: str
) -> None:
    bad = {"id": "x", "route": "production", "release_id": on_production, "n": 2}
    traffic.log.write(
        [
            {**bad},
            {**bad, "inputs": [[1, 2]], "labels": ["star"], "probabilities": [[1, 0, 0]]},
            {**bad, "inputs": "?", "labels": ["star"], "probabilities": []},
        ]
    )
    traffic.send(50)
    (window,) = next_windows(settings, project)
    assert window.rows == 50 and window.details["left_out"]["unreadable"] == 6


def test_a_window_is_the_same_however_it_is_made(
    settings: Settings, project: Project, ledger: Ledger, traffic: Any, on_production: str, tmp_path: Path
) -> None:
    for _ in range(10):
        traffic.send(12, batch=3)
        next_windows(settings, project)
    in_steps = ledger.windows(project.name)
    other = settings.model_copy(update={"home": tmp_path / "other"})
    again = Ledger(other.ledger())
    again.migrate()
    code = code_of(project)
    again.enter_code(project.name, code.files, "developer", "a test")
    again.confirm_model(project.name, "developer", {"version": "1", "why": "a test"}, code.digest)
    release = again.open_release(project.name, "run-1", ["developer"], {"code": code.digest})
    again.seal_release(release.id, {})
    again.switch(project.name, "production", release.id, "deploy", "operator", "test")
    windows._unfinished.clear()
    at_once = next_windows(other, project)
    assert len(in_steps) == 2
    assert [(w.end, w.rows, w.score, w.sketch) for w in in_steps] == [(w.end, w.rows, w.score, w.sketch) for w in at_once]
    assert Sketch.from_dict(at_once[0].sketch).rows == at_once[0].rows


def test_a_crash_before_storing_is_harmless(
    settings: Settings, project: Project, ledger: Ledger, traffic: Any, on_production: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    traffic.send(150)
    store, calls = Ledger.add_window, []

    def dies(self: Ledger, *args: Any, **kwargs: Any) -> Any:
        calls.append(args[2])
        if len(calls) == 2:
            raise KeyboardInterrupt
        return store(self, *args, **kwargs)

    monkeypatch.setattr(Ledger, "add_window", dies)
    with pytest.raises(KeyboardInterrupt):
        next_windows(settings, project)
    assert [w.number for w in next_windows(settings, project)] == [2, 3]
    assert [w.rows for w in ledger.windows(project.name)] == [50, 50, 50]


def test_where_another_watcher_was_first_its_window_counts(
    settings: Settings, project: Project, ledger: Ledger, traffic: Any, on_production: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    traffic.send(180)
    store = Ledger.add_window

    def other_first(self: Ledger, *args: Any, **kwargs: Any) -> Any:
        if args[2] == 1:
            cursors = [cursor for _, cursor in read(settings.prediction_log, project.name, limit=80)]
            store(self, *args, **kwargs | {"end": cursors[-1], "rows": 80})
        return store(self, *args, **kwargs)

    monkeypatch.setattr(Ledger, "add_window", other_first)
    assert [(w.number, w.rows) for w in next_windows(settings, project)] == [(1, 80), (2, 50), (3, 50)]
    stored = ledger.windows(project.name)
    assert [w.start for w in stored[1:]] == [w.end for w in stored[:-1]]


def test_watchers_at_once_make_each_window_once(
    settings: Settings, project: Project, ledger: Ledger, traffic: Any, on_production: str
) -> None:
    traffic.send(500)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: next_windows(settings, project), range(4)))
    stored = ledger.windows(project.name)
    assert [w.number for w in stored] == list(range(1, 11)) and {w.rows for w in stored} == {50}
    assert [w.start for w in stored[1:]] == [w.end for w in stored[:-1]]


def test_after_a_switch_the_old_rows_are_not_read_again(
    settings: Settings,
    project: Project,
    ledger: Ledger,
    traffic: Any,
    on_production: str,
    put_on_production: Callable[[str], str],
    reader: Reader,
) -> None:
    traffic.send(200)
    next_windows(settings, project)
    second = put_on_production("run-2")
    traffic.send(100, release=second)
    reader.taken()
    assert [(w.release_id, w.number) for w in next_windows(settings, project)] == [(second, 1), (second, 2)]
    assert reader.taken() == 100
    ledger.switch(project.name, "production", on_production, "rollback", "operator", "test")
    traffic.send(50)
    assert [(w.release_id, w.number) for w in next_windows(settings, project)] == [(on_production, 5)]
    assert reader.taken() == 50


def test_a_release_without_a_reference_is_told(
    settings: Settings, project: Project, ledger: Ledger, traffic: Any, on_production: str
) -> None:
    path = settings.model_repository / on_production / "reference_sketch.json"
    path.write_text("{}")
    with pytest.raises(MonitoringError, match="not a sketch of version 1"):
        watch(settings, project)
    path.unlink()
    with pytest.raises(MonitoringError, match=f"release {on_production} has no reference_sketch.json"):
        watch(settings, project)


def test_the_watch_runs_the_code_of_the_release_whatever_lies_in_the_folder(
    settings: Settings, project: Project, ledger: Ledger, traffic: Any, on_production: str
) -> None:
    next_model = "def features(images):\n    raise RuntimeError('the next model is in the making')\n"
    (project.folder / "features.py").write_text(next_model, encoding="utf-8")
    content = project.data.content.model_copy(update={"shape": (9, 9)})
    changed = project.model_copy(update={"data": project.data.model_copy(update={"content": content}), "classes": ["a", "b"]})
    traffic.send(50)
    (window,) = next_windows(settings, changed)
    assert window.rows == 50 and window.score < 0.2 and window.details["left_out"]["unreadable"] == 0
    (settings.model_repository / on_production / "code" / "shapes" / "features.py").write_text(next_model, encoding="utf-8")
    released._checked.cache_clear()  # another process
    with pytest.raises(NotReleased, match="the package was altered"):
        watch(settings, project)


def test_a_release_whose_code_nobody_knows_is_not_watched(
    settings: Settings, project: Project, ledger: Ledger, traffic: Any, on_production: str
) -> None:
    other = ledger.open_release(project.name, "run-2", ["developer"], {})
    ledger.seal_release(other.id, {})
    ledger.switch(project.name, "production", other.id, "deploy", "operator", "test")
    folder = settings.model_repository
    shutil.copytree(folder / on_production, folder / other.id)
    with pytest.raises(NotReleased, match=f"{other.id} does not say which code"):
        watch(settings, project)


def test_nothing_on_production_means_nothing_to_watch(settings: Settings, project: Project, ledger: Ledger, traffic: Any) -> None:
    traffic.send(100)
    assert next_windows(settings, project) == [] and watch(settings, project) is None


def test_the_watch_finds_drift_and_says_where(
    settings: Settings, project: Project, ledger: Ledger, traffic: Any, on_production: str
) -> None:
    traffic.send(100)
    assert watch(settings, project) is None
    start = end_cursor(settings.prediction_log, project.name)
    traffic.send(50, shift=5, sure=0.5)
    assert watch(settings, project) is None, "one window is not two in a row"
    traffic.send(50, shift=5, sure=0.5)
    drift = watch(settings, project)
    assert drift is not None
    assert (drift.windows, drift.rows, drift.start_cursor) == ([3, 4], 100, start)
    assert drift.end_cursor == end_cursor(settings.prediction_log, project.name)
    assert drift.score > 0.2 and drift.release_id == on_production and drift.confidence["drop"] == pytest.approx(0.4)
    assert drift.top_features[0]["psi"] > 0.2
    assert Drift.from_dict(drift.to_dict()) == drift == Drift.from_dict(watch(settings, project).to_dict() | {"at": drift.at})  # type: ignore[union-attr]
    with pytest.raises(MonitoringError, match="no drift as watch gives it"):
        Drift.from_dict({"release": 1})


def test_drift_that_ends_is_no_drift(
    settings: Settings, project: Project, ledger: Ledger, traffic: Any, on_production: str
) -> None:
    traffic.send(150, shift=5)
    traffic.send(50)
    assert watch(settings, project) is None


def test_an_alert_is_raised_once_and_again_only_for_windows_after_its_closing(
    settings: Settings, project: Project, ledger: Ledger, traffic: Any, on_production: str
) -> None:
    traffic.send(150, shift=5)
    drift = watch(settings, project)
    assert drift is not None and drift.windows == [1, 2, 3]
    alert = ledger.raise_alert(project.name, "drift", alert_key(on_production), "warning", "m", drift.to_dict())
    traffic.send(100, shift=5)
    assert watch(settings, project) is None
    assert len(ledger.windows(project.name)) == 5, "windows go on while an alert is open"
    ledger.close_alert(alert.id, "operator", "known")
    assert watch(settings, project) is None
    traffic.send(50, shift=5)
    assert watch(settings, project) is None
    traffic.send(50, shift=5)
    again = watch(settings, project)
    assert again is not None and again.windows == [6, 7]


def test_a_poll_without_news_is_cheap(
    settings: Settings, project: Project, ledger: Ledger, traffic: Any, on_production: str
) -> None:
    import time

    traffic.send(1049)
    watch(settings, project)
    times = []
    for _ in range(20):
        start = time.process_time()
        watch(settings, project)
        times.append(time.process_time() - start)
    print(f"a poll costs {np.median(times) * 1000:.1f} ms of CPU")
    assert np.median(times) < 0.05


def test_watching_imports_nothing_heavy() -> None:
    code = (
        "import sys, include.monitoring; "
        "print([m for m in ('pandas','mlflow','sklearn','torch','evidently','matplotlib','scipy','slack_sdk','fastapi') "
        "if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.strip() == "[]"
