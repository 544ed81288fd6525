"""The section ``data.start`` of a project.yaml: when data_preparation starts by itself."""

from __future__ import annotations

from pydantic import Field, model_validator

from include.projects.parts import Part

PRESETS = ("@hourly", "@daily", "@weekly", "@monthly", "@yearly")


class Start(Part):
    """When data_preparation starts by itself; it can always be started by hand and by REST."""

    schedule: str | None = Field(None, description="Cron expression in UTC, such as 0 2 * * *, or @hourly, @daily, ...")
    sensor: bool = Field(False, description="Wait for new data at the sources, and start when there is some.")
    min_new: int = Field(1, ge=1, description="Rows, files or records that are worth a start; of the sensor.")
    poll_seconds: float = Field(60, gt=0, description="Pause between two looks of the sensor.")

    @model_validator(mode="after")
    def _cron(self) -> Start:
        said = self.schedule
        if said is None or said in PRESETS:
            return self
        from croniter import CroniterBadDateError, croniter

        if len(said.split()) != 5 or not croniter.is_valid(said):
            raise ValueError(f"schedule {said!r} is no cron expression of five fields, and none of {', '.join(PRESETS)}")
        try:
            croniter(said).get_next()
        except CroniterBadDateError as cause:
            raise ValueError(f"schedule {said!r} names a day that never comes") from cause
        return self
