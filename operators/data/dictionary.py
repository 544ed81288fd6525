"""Take a word dictionary from where project.yaml says."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowSkipException

from include.projects import Project
from include.settings import Settings, Zone
from operators.base import ProjectOperator, actor, key


class LoadDictionaryOperator(ProjectOperator):
    """Keep the words at the place that project.yaml names as the next version of a dictionary.

    Args:
        dictionary: its name in ``data.dictionaries``.
        zone: the data zone that receives it.

    Returns:
        The round: number, count, digest, dictionary, dictionary_version, tag, report. Skipped where nothing changed.
    """

    def __init__(self, *, dictionary: str, zone: Zone = "dev", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dictionary, self.zone = dictionary, zone

    def work(self, settings: Settings, project: Project, context: Context) -> dict[str, Any]:
        """Load; a retry finds the version of the try before."""
        from include.data.dictionaries import load_dictionary

        run = f"{key(context)}/{self.dictionary}"
        made = load_dictionary(settings, project, self.zone, self.dictionary, run, actor(context))
        if not made["new"] and made["run_id"] != run:
            raise AirflowSkipException(f"the words of {self.dictionary} are those of {made['dictionary_version']}")
        report = ", ".join(f"{name} {count}" for name, count in made["report"].items() if isinstance(count, int))
        self.log.info("%s: %s", made["tag"], report)
        return made
