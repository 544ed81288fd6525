"""Have people label what has no label: push, send back, pull; or take labels from a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from include import data
from include.projects import Project
from include.settings import Settings, Zone
from operators.base import ProjectOperator, actor, key

if TYPE_CHECKING:
    from include.data.labelling import Predict


class PushTasksOperator(ProjectOperator):
    """Make tasks in Label Studio of a version's items that have no label, with what the confirmed model says about them.

    Args:
        version: the version's name; empty takes the newest (templated).
        file: where labels come in as this file, nobody is asked (templated).
        zone: the data zone of the version.

    Returns:
        The labelling: its project and address in Label Studio, how many tasks, the version. Skipped where every item
        has a label.
    """

    template_fields: Sequence[str] = ("project", "version", "file")

    def __init__(self, *, version: str = "", file: str = "", zone: Zone = "dev", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.version = version
        self.file = file
        self.zone = zone

    def work(self, settings: Settings, project: Project, context: Context) -> dict[str, Any]:
        """Push; a retry goes on where the try before stopped, and an item never has two tasks."""
        if self.file:
            raise AirflowSkipException(f"the labels come in as the file {self.file}")
        version = _version(settings, project, self.zone, self.version)
        predict, model = self._model(settings, project)
        from include.data.labelling import push

        made = push(settings, project, version, key(context), actor(context), predict, model)
        if not made["tasks"]:
            raise AirflowSkipException(f"every item of {version['repository']} {version['version']} has a label")
        self.log.info("%s tasks, %s of them new: %s", made["tasks"], made["new"], made["url"])
        return made

    def _model(self, settings: Settings, project: Project) -> tuple[Predict | None, str]:
        """Return what the confirmed model says about contents, and its name; None where there is no such model."""
        rules = project.data.labelling
        if not (rules and rules.prelabel and project.has_model):
            return None, ""
        if project.task != "classification":
            return None, ""
        from include.data import forms
        from include.training import InputError, load_model, model_info, predict

        try:
            version = model_info(settings, project, "confirmed")["version"]
        except InputError:
            self.log.info("%s has no confirmed model: people begin without a proposal", project.name)
            return None, ""
        model = load_model(settings, project, version)

        def say(contents: Sequence[bytes]) -> list[str | None]:
            found = predict(model, project, forms.decode(contents, project.data.content))
            return [project.classes[int(one)] for one in found.argmax(axis=1)]

        return say, f"model {version}"


class SendBackOperator(ProjectOperator):
    """Send what people did not agree on to another pass.

    Args:
        labelling: of the pass before.

    Returns:
        The labelling of the new pass. Skipped where people agree.
    """

    template_fields: Sequence[str] = ("project", "labelling")

    def __init__(self, *, labelling: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.labelling = labelling

    def work(self, settings: Settings, project: Project, context: Context) -> dict[str, Any]:
        """Send back; a retry finds the tasks of the try before."""
        from include.data.labelling import send_back

        made = send_back(settings, project, self.labelling, key(context), actor(context))
        if not made["tasks"]:
            raise AirflowSkipException("people agree: nothing goes back to labelling")
        self.log.info("%s items go back to labelling: %s", made["tasks"], made["url"])
        return made


class PullLabelsOperator(ProjectOperator):
    """Make a labelled round of what people agreed on.

    Args:
        labelling: the labelling of each pass, in order; the last that there was holds all.
        imported: the round that `ImportLabelsOperator` made; where there is one, it is given on.
        zone: the data zone that receives the round.

    Returns:
        The round: repository, branch, number, counts, agreement.
    """

    template_fields: Sequence[str] = ("project", "labelling", "imported")

    def __init__(self, *, labelling: Any, imported: Any = None, zone: Zone = "dev", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.labelling = labelling
        self.imported = imported
        self.zone = zone

    def work(self, settings: Settings, project: Project, context: Context) -> dict[str, Any]:
        """Pull; a retry of the same run goes on with the same round."""
        if self.imported:
            return dict(self.imported)
        passes = [one for one in self.labelling if one]
        if not passes:
            raise AirflowSkipException("nothing was pushed: there is nothing to pull")
        from include.data.labelling import collect_labels

        made = collect_labels(settings, project, self.zone, key(context), actor(context), passes[-1])
        return _told(self, made)


class ImportLabelsOperator(ProjectOperator):
    """Make a labelled round of a file in one of the field's formats.

    Args:
        file: below the folder of label files (setting ``label_files``); empty skips (templated).
        format: coco, yolo, voc, conll, squad or csv (templated).
        version: name of the version that it labels; empty takes the newest (templated).
        zone: the data zone of the version and the round.

    Returns:
        The round, as `PullLabelsOperator` does.
    """

    template_fields: Sequence[str] = ("project", "file", "format", "version")

    def __init__(self, *, file: str, format: str = "csv", version: str = "", zone: Zone = "dev", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.file = file
        self.format = format
        self.version = version
        self.zone = zone

    def work(self, settings: Settings, project: Project, context: Context) -> dict[str, Any]:
        """Import; a file of which one line is wrong leaves no round."""
        if not self.file:
            raise AirflowSkipException("no file was named: people label")
        version = _version(settings, project, self.zone, self.version)
        source = {"file": self.file, "format": self.format, "version": version}
        from include.data.labelling import collect_labels

        return _told(self, collect_labels(settings, project, self.zone, key(context), actor(context), source))


def _version(settings: Settings, project: Project, zone: Zone, name: str) -> dict[str, Any]:
    return data.version(settings, project, zone, name) if name else data.latest_version(settings, project, zone)


def _told(task: ProjectOperator, made: dict[str, Any]) -> dict[str, Any]:
    """Write what came of labelling to the task's log, and return it.

    Raises:
        AirflowFailException: nothing was agreed on.
    """
    counts = f"{made['count']} labels, {made['disputed']} disputed, {made['missing']} missing"
    task.log.info("%s; agreement %s", counts, made["agreement"]["mean"])
    for example in made["invalid"]["examples"]:
        task.log.warning("an answer is no label: %s", example)
    if not made["count"]:
        raise AirflowFailException(f"nothing was agreed on: {counts}. Agree on what the classes mean, then start again")
    return made
