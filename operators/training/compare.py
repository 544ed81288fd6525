"""Compare training runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from airflow.sdk import Context

from include.settings import Settings
from operators.base import actor
from operators.jobs import JobOperator


class CompareRunsOperator(JobOperator):
    """Lay training runs side by side, field by field, on a page in MLflow.

    Args:
        run_ids: a list of them or its JSON; an empty one takes the best (templated).
        best: how many of the best, where none are named (templated).

    Returns:
        The page's run and address, the compared runs, and the names of the fields that differ.
    """

    job = "compare_runs"
    template_fields: Sequence[str] = ("project", "run_ids", "best")

    def __init__(self, *, run_ids: Any = (), best: Any = 5, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.run_ids = run_ids
        self.best = best

    def arguments(self, settings: Settings, context: Context) -> dict[str, Any]:
        """Return the runs, how many of the best, and who asked."""
        named = json.loads(self.run_ids or "[]") if isinstance(self.run_ids, str) else list(self.run_ids)
        return {"run_ids": [str(one) for one in named], "best": int(self.best), "author": actor(context)}
