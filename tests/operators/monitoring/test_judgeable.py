"""A retraining whose model could not be judged ends before anything is trained."""

from __future__ import annotations

import pytest
from airflow.sdk.exceptions import AirflowFailException

from operators.monitoring import CheckTestRowsOperator


def test_too_few_test_rows_end_the_run_at_once(no_connections, context, monkeypatch):
    split = {"repository": "digits-ops", "split_digest": "sha256:a", "split_path": "splits/a.json", "commit": "c"}
    counts = {"old": 200, "new": 3}
    monkeypatch.setattr("include.data.access.note_all", lambda *given, **more: None)
    monkeypatch.setattr("include.data.origin_counts", lambda settings, given, part: counts, raising=False)
    task = CheckTestRowsOperator(task_id="check_test_rows", project="digits", split=split)
    with pytest.raises(AirflowFailException, match="3 new test rows, at least 30 are needed"):
        task.execute(context)
    counts["new"] = 30
    assert task.execute(context) == {"old": 200, "new": 30}
