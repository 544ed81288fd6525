"""A profile as its users have it: a page, plots and numbers in MLflow, linked from the task."""

import json

import pytest

from include.clients.mlflow import ensure_experiment, find_runs, mlflow_client, read_file
from include.explore import look, profile
from include.reports import page
from include.training import InputError

REF = {"repository": "digits-dev", "zone": "dev", "commit": "c", "version": "v1"}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"part": "all"}, "there is no part 'all'; parts are whole, train, validation, test"),
        ({"sample": 0}, "a sample of 0 items"),
        ({"data": {**REF, "zone": "ops"}}, "ops data is not profiled"),
        ({"compare_with": {**REF, "zone": "ops"}}, "ops data is not profiled"),
    ],
)
def test_what_cannot_be_profiled_is_refused(place, given, says):
    there = place("digits")
    with pytest.raises(InputError, match=says):
        profile(there.settings, there.project, **{"data": REF, **given})


@pytest.mark.integration
def test_a_version_and_what_moved_since_the_one_before(place, mlflow_server):
    there = place("breast_masses")
    first = there.version("masses 1", slice(0, 300))
    second = there.version("masses 2", slice(300, None))
    settings = there.settings.model_copy(update={"mlflow_url": mlflow_server.url})
    lines = []
    given = {"sample": 400, "compare_with": first, "author": "분석가", "key": f"masses/{settings.home.name}"}
    made = profile(settings, there.project, second, **given, tell=lines.append)
    assert (made["items"], made["sample"]) == (second["count"], 400) and "Against v1" in made["sections"]
    client = mlflow_client(settings)
    run = client.get_run(made["run_id"])
    assert run.info.run_name == "profile v2" and run.info.status == "FINISHED"
    assert client.get_experiment(run.info.experiment_id).name == "breast_masses/profiles"
    tags = run.data.tags
    assert tags["data_commit"] == second["commit"] and tags["data_version"] == "v2" and tags["devmlops.author"] == "분석가"
    assert tags["split_digest"].startswith("sha256:")
    assert run.data.metrics["items"] == second["count"] and run.data.metrics["missing_share/radius"] == 0
    assert "psi/radius" in run.data.metrics and run.data.metrics["tells_of_label/perimeter"] > 0.2
    html = read_file(client, made["run_id"], "reports/profile.html").decode()
    assert "질감" not in html and "환자" not in html and "declared" in html and "<script" not in html
    assert read_file(client, made["run_id"], "plots/distributions.png").startswith(b"\x89PNG")
    facts = json.loads(read_file(client, made["run_id"], "profile.json"))
    assert facts["compared_items"]["added"] == second["count"] - first["count"]
    assert facts["columns"]["patient"]["hidden"] and "top" not in facts["columns"]["patient"]
    assert made["url"].endswith(f"/runs/{made['run_id']}/artifacts/reports/profile.html?workflowType=machine_learning")
    again = profile(settings, there.project, second, **given, tell=lines.append)
    assert again == made and lines[-1] == f"this profile is made already: run {made['run_id']}"
    runs = find_runs(client, ensure_experiment(client, "breast_masses/profiles"), {"devmlops.key": given["key"]})
    assert len(runs) == 1
    with pytest.raises(InputError, match="no column gone in breast_masses; columns are patient"):
        look(settings, there.project, second, columns=["gone"])
    book, _ = look(settings, there.project, second, part="test", columns=["radius", "patient"], tell=lines.append)
    assert list(book.facts["columns"]) == ["patient", "radius"] and book.facts["items"] < second["count"]


@pytest.mark.integration
@pytest.mark.parametrize(
    ("name", "titles"),
    [
        ("co2_levels", {"Labels", "Windows", "Over time", "Gaps", "Inputs of a model"}),
        ("support_tickets", {"Texts", "Frequent tokens", "Longest texts"}),
        ("shelf_photos", {"Sizes and modes", "Contact sheets", "Mean picture"}),
    ],
)
def test_every_example_has_its_page(place, name, titles):
    there = place(name)
    book, sample = look(there.settings, there.project, there.version("pages"), sample=150, tell=lambda _: None)
    told = {section.title for section in book.sections}
    assert titles | {"Items", "Columns", "Distributions", "Relations between columns"} <= told
    html = page(name, book.sections)
    assert "http" not in html.replace("http-equiv", "") and sample.rows.num_rows <= 150
