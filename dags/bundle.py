"""Make one version of versions and rounds, whole or by filter.

**What it does.** Takes the versions and rounds that you name, of these the items that your filter lets through, and of
these as many by chance as you want, each content once. The result is a version and a round of its own, with its recipe;
no data is copied. What was split before stays in its parts. A bundle with labels is split; one without is a refined
version that people may label.

**When to run it.** To train on a mix of your own: some classes, some months, some sources, a sample to try with. Start
`<project>.model_development` with the version that it made.

**When it fails.** `make_bundle` says which name, class or time is wrong, or how many items the filter leaves; correct
the parameters and start a new run. Nothing is half made. Any task may be cleared.
"""

from airflow.sdk import Asset, Param

from operators.data import MakeFilteredBundleOperator, MakeSplitOperator, StatusReportOperator
from operators.pipeline import pipeline, projects


def names(title: str, description: str) -> Param:
    return Param([], type="array", items={"type": "string"}, title=title, description=description)


def moment(title: str, description: str) -> Param:
    return Param(None, type=["null", "string"], format="date-time", title=title, description=description)


def params(classes: list[str]) -> dict[str, Param]:
    known = f" One a line: {', '.join(classes[:50])}." if classes else ""
    return {
        "versions": names("Versions", "Such as v3, one a line; nothing here and in Rounds takes the newest."),
        "rounds": Param([], type="array", items={"type": "integer", "minimum": 1}, title="Rounds", description="Merged ones."),
        "classes": names("Classes", f"Only items of these.{known}"),
        "sources": names("Sources", "Only items from these, named as rounds name them, such as sql:scans."),
        "groups": names("Groups", "Only items of these."),
        "labels": Param(None, type=["null", "string"], enum=[None, "labelled", "unlabelled"], title="Label state"),
        "taken_from": moment("From", "Only items taken then or later."),
        "taken_to": moment("To", "Only items taken before."),
        "n": Param(None, type=["null", "integer"], minimum=1, title="Sample", description="So many items by chance; empty: all."),
        "seed": Param(0, type="integer", title="Seed", description="Of that chance: the same seed, the same items."),
        "notes": Param("", type="string", maxLength=2000, title="Release notes", description="What this version is for."),
    }


FILTER = {
    name: f"{{{{ params.{name} | tojson }}}}" for name in ("classes", "sources", "groups", "labels", "taken_from", "taken_to")
}
SAMPLE = {name: f"{{{{ params.{name} | tojson }}}}" for name in ("n", "seed")}

for project in projects():
    with pipeline(project, "bundle", "data", __doc__, params=params(project.classes)) as dag:
        bundle = MakeFilteredBundleOperator(
            task_id="make_bundle",
            project=project.name,
            versions="{{ params.versions | tojson }}",
            rounds="{{ params.rounds | tojson }}",
            filter={**FILTER, "sample": SAMPLE},
            notes="{{ params.notes }}",
            outlets=[Asset(f"{project.name}/data")],
        )
        split = MakeSplitOperator(task_id="make_split", project=project.name, version=bundle.output)
        # A teardown runs however the run went, and a failed run stays failed.
        split >> StatusReportOperator(task_id="status_report", project=project.name, zone="dev").as_teardown()
    globals()[dag.dag_id] = dag
