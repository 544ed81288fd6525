"""A person looks at a checked round, and accepts it, rejects it, or sends items back to labelling."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from datetime import timedelta
from typing import Any

from airflow.providers.standard.exceptions import HITLTimeoutError
from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Context, Param
from airflow.sdk.definitions.param import ParamsDict
from airflow.sdk.exceptions import AirflowFailException

from include.data.review import OPTIONS
from include.errors import FinalError
from include.projects import load_project
from operators.connections import platform_settings
from operators.links import ReportLink

PARAMS = {
    "reason": Param(
        "", type="string", title="Why", description="Stands beside the round and in the audit log.", maxLength=2000, source="task"
    ),
    "items": Param(
        None,
        type=["null", "string"],
        title="Items back to labelling",
        description="Keys of items, one a line; for Back to labelling alone.",
        format="multiline",
        maxLength=100_000,
        source="task",
    ),
}


class ReviewRoundOperator(HITLOperator):
    """Ask a person of the right role about exactly one checked round.

    The answer is kept beside the round and in the ledger at once; the merging task trusts only these, so marking this
    task as success merges nothing.

    Args:
        project: the project's name (templated).
        round: the round, as a collecting task returned it (templated).
        role: who may answer.
        timeout_hours: no answer in this time means no.

    Returns:
        The recorded answer: decision, by whom, why, for which digest, and how many items go back to labelling.
    """

    template_fields: Sequence[str] = ("subject", "body", "project", "round")
    operator_extra_links = (ReportLink("Quality report"),)
    ui_color = "#fdf3d8"

    def __init__(self, *, project: str, round: Any, role: str, timeout_hours: float, **kwargs: Any) -> None:
        # The form asks for these alone, not for the DAG's own params.
        kwargs["params"] = ParamsDict({name: copy(param) for name, param in PARAMS.items()})
        super().__init__(
            subject="Review a round",
            options=list(OPTIONS),
            assigned_users=[{"id": f"role:{role}", "name": role}],
            response_timeout=timedelta(hours=timeout_hours),
            **{"retries": 0, **kwargs},
        )
        self.project = project
        self.round = round
        self.report_url: str | None = None

    def execute(self, context: Context) -> Any:
        """Write what is known about the round into the form, then wait without holding a worker.

        Raises:
            AirflowFailException: the round was not checked, or is not there any more.
        """
        from include.data.review_form import review_form

        settings = platform_settings().for_zone(self.round["zone"])
        try:
            form = review_form(settings, load_project(self.project, settings.projects_dir), self.round)
        except FinalError as refused:
            raise AirflowFailException(f"{type(refused).__name__}: {refused}") from refused
        self.subject, self.body = form["subject"], form["body"]
        ti = context["task_instance"]
        # What was shown is what the answer is about; nothing that is set on self outlives the waiting.
        ti.xcom_push(key="asked", value={"digest": form["digest"], "report": form["report"]})
        self.report_url = form["report"]
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Record the answer; only a valid yes lets the run go on.

        Raises:
            AirflowFailException: rejected, too late, or answered by someone who may not.
        """
        from include.data.review import record_review

        settings = platform_settings().for_zone(self.round["zone"])
        project = load_project(self.project, settings.projects_dir)
        ti = context["task_instance"]
        source = {"dag_id": ti.dag_id, "run_id": ti.run_id, "task_id": ti.task_id}
        asked = ti.xcom_pull(task_ids=ti.task_id, key="asked") or {"digest": "", "report": None}
        self.report_url = asked["report"]
        late = None
        try:
            answer = dict(super().execute_complete(context, event))
        except HITLTimeoutError as timeout:
            answer, late = None, timeout
        try:
            record = record_review(settings, project, self.round, asked["digest"], answer, source)
        except FinalError as refused:
            raise AirflowFailException(f"{type(refused).__name__}: {refused}") from refused
        if late is not None:
            raise AirflowFailException(f"nobody reviewed round {record['round']} in time: it is not merged") from late
        if record["decision"] != "accepted":
            by, why = record["by"] or "nobody", record["reason"] or "no reason given"
            raise AirflowFailException(f"round {record['round']} was rejected by {by}: {why}")
        back = len(record.pop("items_back"))
        self.log.info("round %s was accepted by %s; %d items go back to labelling", record["round"], record["by"], back)
        return {**record, "items_back": back}
