"""A person looks at a checked round, and accepts it, rejects it, or sends items back to labelling."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from airflow.sdk import Param
from airflow.sdk.exceptions import AirflowFailException

from include.data.review import OPTIONS
from include.projects import Project
from include.settings import Settings
from operators.links import ReportLink
from operators.question import Form, QuestionOperator

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


class ReviewRoundOperator(QuestionOperator):
    """Ask a person of the right role about exactly one checked round; the answer is also kept beside the round.

    Args:
        round: the round, as a collecting task returned it (templated).
        timeout_hours: no answer in this time means no.

    Returns:
        The recorded answer: decision, by whom, why, for which digest, and how many items go back to labelling.
    """

    template_fields: Sequence[str] = (*QuestionOperator.template_fields, "round")
    operator_extra_links = (ReportLink("Quality report"),)

    def __init__(self, *, round: Any, timeout_hours: float, **kwargs: Any) -> None:
        timeout = timedelta(hours=timeout_hours)
        super().__init__(subject="Review a round", options=OPTIONS, fields=PARAMS, timeout=timeout, **kwargs)
        self.round = round

    def own_settings(self) -> Settings:
        """Return the settings with the credential of the round's zone alone."""
        return super().own_settings().for_zone(self.round["zone"])

    def form(self, settings: Settings, project: Project) -> Form:
        """Show what the checks found, examples, and the report."""
        from include.data.review_form import review_form

        form = review_form(settings, project, self.round)
        return Form(form["subject"], form["body"], form["digest"], form["report"])

    def record(
        self, settings: Settings, project: Project, digest: str, answer: dict[str, Any] | None, source: dict[str, str]
    ) -> dict[str, Any]:
        """Keep the answer beside the round and in the ledger."""
        from include.data.review import record_review

        record = record_review(settings, project, self.round, digest, answer, source)
        if answer is None:
            raise AirflowFailException(f"nobody reviewed round {record['round']} in time: it is not merged")
        if record["decision"] != "accepted":
            by, why = record["by"] or "nobody", record["reason"] or "no reason given"
            raise AirflowFailException(f"round {record['round']} was rejected by {by}: {why}")
        back = len(record.pop("items_back"))
        self.log.info("round %s was accepted by %s; %d items go back to labelling", record["round"], record["by"], back)
        return {**record, "items_back": back}
