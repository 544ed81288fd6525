"""One definition for training, batch and the inference AP: the example of breast masses, run by Airflow."""

from __future__ import annotations

from math import pi
from typing import Any

import httpx
import pandas as pd  # noqa: TID253
import pytest

from include.data import features
from include.inference.app import create_app
from include.ledger import Ledger
from tests.fixtures.examples import Example

pytestmark = pytest.mark.integration


async def test_the_same_features_in_training_batch_and_serving(example: Any) -> None:
    masses: Example = example("breast_masses")
    settings, project = masses.settings, masses.project
    Ledger(settings.ledger()).migrate()
    masses.fill(200)
    assert masses.run()["run"] == "success"
    states = masses.run("features")
    assert states == {"compute_cell_shape": "success", "materialise_cell_shape": "success", "run": "success"}

    # Training: what was known of each mass of the train part when it was measured.
    train = masses.parts()["train"].contents
    asked = train[["patient"]].assign(event_timestamp=train["measured_at"])
    joined = features.historical(settings, project, ["cell_shape"], asked)
    expected = 4 * pi * train["area"] / train["perimeter"] ** 2
    pd.testing.assert_series_equal(joined["cell_shape__roundness"], expected, check_names=False)
    early = asked.assign(event_timestamp=asked["event_timestamp"] - pd.Timedelta(1, "s"))
    assert features.historical(settings, project, ["cell_shape"], early)["cell_shape__roundness"].isna().all()

    # Batch on rows of no version: the transform alone.
    batch = features.apply(project, "cell_shape", train[project.feature_views["cell_shape"].source.columns])
    assert sorted(batch["roundness"]) == sorted(joined["cell_shape__roundness"])

    # Serving.
    app = create_app(settings, lambda: [])
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://ap") as http,
    ):
        patients = train["patient"].tolist()[:50]
        body = {"entities": [{"patient": patient} for patient in patients]}
        answer = (await http.post("/v1/projects/breast_masses/features/cell_shape", json=body)).json()
    served = [one["features"]["roundness"] for one in answer["entities"]]
    assert served == pytest.approx(joined["cell_shape__roundness"].tolist()[:50], abs=0)
    assert {one["version"] for one in answer["entities"]} == {"v1"}

    # A second run of the same version does nothing, and a new version brings the new patients.
    masses.fill(260)
    assert masses.run()["run"] == masses.run("features")["run"] == "success"
    (fresh,) = features.freshness(settings, project)
    assert fresh["offline"]["versions"] == ["v1", "v2"] and fresh["online"]["rows"] == fresh["offline"]["rows"] > 200
    assert fresh["online"]["version"] == "v2" and fresh["online"]["current"]
