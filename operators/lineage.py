"""OpenLineage: which data a task read and made, from the references that it was given and that it returned.

Datasets are named ``rounds/000001``, ``versions/v1`` and ``splits/<digest>`` in the namespace ``lakefs://host/repository``,
runs and models ``runs/<id>`` and ``models/<name>/<version>`` in ``mlflow://host``.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from include.projects import Project
from include.settings import Settings

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from openlineage.client.event_v2 import InputDataset, OutputDataset

    from operators.base import ProjectOperator

Named = tuple[str, str]  # namespace and name
_log = logging.getLogger(__name__)


def lineage(operator: ProjectOperator) -> OperatorLineage:
    """Return inputs and outputs of a task that is over, with schema, version, counts and what checks said."""
    from airflow.providers.openlineage.extractors import OperatorLineage

    if operator.told is None:
        return OperatorLineage()
    settings, project, made = operator.told
    given = [getattr(operator, name, None) for name in operator.template_fields]
    inputs = dict(_datasets(settings, given))
    outputs = dict(_datasets(settings, made))
    if isinstance(made, Mapping):
        inputs |= dict(_behind(settings, project, made))
    return OperatorLineage(
        inputs=[_input(settings, project, place, ref, made) for place, ref in inputs.items()],
        outputs=[_output(settings, project, place, ref) for place, ref in outputs.items()],
    )


def _datasets(settings: Settings, values: Any) -> Iterable[tuple[Named, Mapping[str, Any]]]:
    """Yield the datasets that references inside of ``values`` stand for."""
    from include.data.access import references

    for ref in references(values):
        space = _lakefs(settings, ref["zone"], ref["repository"])
        if ref.get("split_digest"):
            yield (space, f"splits/{str(ref['split_digest']).removeprefix('sha256:')}"), ref
        elif ref.get("version"):
            yield (space, f"versions/{ref['version']}"), ref
        elif ref.get("round"):
            yield (space, f"rounds/{ref['round']:06d}"), ref
    for one in values if isinstance(values, list) else [values]:
        if isinstance(one, Mapping) and one.get("run_id") and "repository" not in one:
            if one.get("name") and one.get("version"):
                yield (_mlflow(settings), f"models/{one['name']}/{one['version']}"), one
            else:
                yield (_mlflow(settings), f"runs/{one['run_id']}"), one


def _behind(settings: Settings, project: Project, made: Mapping[str, Any]) -> Iterable[tuple[Named, Mapping[str, Any]]]:
    """Yield what a result was made from and no argument names: a round's sources, and the rounds of a version."""
    from include.clients.lakefs import DataError
    from include.data import tables, versions

    if made.get("kind") in ("collected", "operating") and made.get("source") and made.get("round"):
        yield (f"source://{project.name}", str(made["source"])), {}
    if made.get("kind") in ("version", "bundle") and made.get("version"):
        try:
            document = versions.document(tables.reader(settings, made), made["commit"], made["version"])
        except DataError as cause:
            _log.warning("the rounds of %s are missing from its lineage event: %s", made["version"], cause)
            return
        for piece in document["pieces"]:
            for one in (piece, *(piece.get("labels") or [])):
                name = f"rounds/{one['round']:06d}"
                yield (_lakefs(settings, one["zone"], one["repository"]), name), one


def _input(settings: Settings, project: Project, place: Named, ref: Mapping[str, Any], made: Any) -> InputDataset:
    from openlineage.client.event_v2 import InputDataset
    from openlineage.client.facet_v2 import data_quality_assertions_dataset, data_quality_metrics_input_dataset

    facets: dict[str, Any] = {}
    if isinstance(ref.get("count"), int):
        metrics = data_quality_metrics_input_dataset.DataQualityMetricsInputDatasetFacet(columnMetrics={}, rowCount=ref["count"])
        facets["dataQualityMetrics"] = metrics
    checks = made.get("checks") if isinstance(made, Mapping) else None
    if checks and place[1].startswith("rounds/"):
        facets["dataQualityAssertions"] = data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet(
            assertions=[
                data_quality_assertions_dataset.Assertion(
                    assertion=one["name"],
                    success=bool(one["ok"]),
                    severity="warn" if one.get("severity") == "warning" else "error",
                    expected=str(one.get("limit", "")),
                    actual=str(one.get("value", "")),
                )
                for one in checks
            ]
        )
    return InputDataset(*place, facets=_facets(settings, project, place, ref), inputFacets=facets)


def _output(settings: Settings, project: Project, place: Named, ref: Mapping[str, Any]) -> OutputDataset:
    from openlineage.client.event_v2 import OutputDataset
    from openlineage.client.facet_v2 import output_statistics_output_dataset

    facets: dict[str, Any] = {}
    counts = ref.get("counts")
    count = sum(counts.values()) if isinstance(counts, Mapping) else ref.get("count")
    if isinstance(count, int):
        statistics = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(rowCount=count)
        facets["outputStatistics"] = statistics
    return OutputDataset(*place, facets=_facets(settings, project, place, ref), outputFacets=facets)


def _facets(settings: Settings, project: Project, place: Named, ref: Mapping[str, Any]) -> dict[str, Any]:
    from openlineage.client.facet_v2 import dataset_version_dataset, datasource_dataset, schema_dataset

    facets: dict[str, Any] = {"dataSource": datasource_dataset.DatasourceDatasetFacet(name=place[0], uri=place[0])}
    if version := ref.get("digest") or ref.get("split_digest") or ref.get("commit"):
        facets["version"] = dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=str(version))
    if place[0].startswith("lakefs://"):
        fields = [schema_dataset.SchemaDatasetFacetFields(name=name, type=kind) for name, kind in _columns(project)]
        facets["schema"] = schema_dataset.SchemaDatasetFacet(fields=fields)
    return facets


def _columns(project: Project) -> list[tuple[str, str]]:
    """Return the columns of an item with their types; for a table those of its rows as ``content.<name>`` too."""
    from include.data.items import COLUMNS
    from include.projects.content import TableContent

    content = project.data.content
    types = {"content": content.kind, "taken_at": "time"}
    found = [(name, types.get(name, "text")) for name in COLUMNS]
    if isinstance(content, TableContent):
        found += [(f"content.{name}", column.type) for name, column in content.columns.items()]
    return found


def _lakefs(settings: Settings, zone: str, repository: str) -> str:
    address = settings.data_ops_url if zone == "ops" else settings.data_dev_url
    return f"lakefs://{_host(address)}/{repository}"


def _mlflow(settings: Settings) -> str:
    return f"mlflow://{_host(settings.mlflow_url)}"


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]
