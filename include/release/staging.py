"""Tries a release the way callers will use it: loaded in Triton, behind the staging route of the inference AP."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from include.clients.triton import TritonClient
from include.projects import Project
from include.release.latency import percentile
from include.release.samples import rows
from include.settings import Settings

if TYPE_CHECKING:
    import numpy as np

    from include.clients.inference import InferenceClient

ROUTE = "staging"
SWITCH_TIMEOUT_S = 10.0
WARM_UP = 10


def send_rows(client: InferenceClient, project: Project, release_id: str, contents: Any, labels: np.ndarray) -> dict[str, Any]:
    """Send rows one by one through the staging route and judge the answers.

    Args:
        client: of the AP.
        project: gives the classes and what is wanted.
        release_id: the release that must answer every row.
        contents: items (n), as `include.data.load_part` gives them.
        labels: their true class indices or numbers (n,).

    Returns:
        ``ok``, ``problems``, ``rows``, ``accuracy`` (``mean_absolute_error`` in regression, neither in tasks without true
        answers), ``p50_ms``, ``p99_ms`` (round trip of one row) and the limits.
    """
    sent = rows(contents, project)
    for row in sent[:WARM_UP]:
        client.infer(project.name, [row], route=ROUTE)
    times, said, strangers = [], [], 0
    for row in sent:
        start = time.perf_counter()
        answer = client.infer(project.name, [row], route=ROUTE)
        times.append((time.perf_counter() - start) * 1000)
        said.append(answer["predictions"][0])
        strangers += answer["release_id"] != release_id
    wanted = project.release
    p50, p99 = percentile(times, 0.5), percentile(times, 0.99)
    figures, limits, problems = _quality(project, said, labels)
    if p99 > wanted.staging_max_p99_ms:
        problems.append(f"p99 {p99:.1f} ms of {len(sent)} requests, wanted at most {wanted.staging_max_p99_ms:g} ms")
    if strangers:
        problems.append(
            f"{strangers} of {len(sent)} answers came from another release: was the staging route switched meanwhile?"
        )
    return {
        "ok": not problems,
        "problems": problems,
        "rows": len(sent),
        **figures,
        "p50_ms": round(p50, 3),
        "p99_ms": round(p99, 3),
        "limits": {**limits, "p99_ms": wanted.staging_max_p99_ms},
    }


def _quality(
    project: Project, said: list[dict[str, Any]], labels: np.ndarray
) -> tuple[dict[str, float], dict[str, float], list[str]]:
    """Return the figures of answers, their limits, and what is not good enough."""
    wanted = project.release
    if project.task == "classification":
        pairs = zip(said, labels, strict=True)
        accuracy = sum(one["label"] == project.classes[int(label)] for one, label in pairs) / len(said)
        low = accuracy < wanted.staging_min_accuracy
        line = f"accuracy {accuracy:.4f} of {len(said)} rows, wanted at least {wanted.staging_min_accuracy}"
        return {"accuracy": accuracy}, {"accuracy": wanted.staging_min_accuracy}, [line] if low else []
    if project.task != "regression":
        return {}, {}, []
    import numpy as np

    off = float(np.abs(np.array([one["value"] for one in said], np.float64) - labels).mean())
    # Without a limit of the project's own: closer than always saying the middle of the true answers.
    middle = float(np.abs(labels - np.median(labels)).mean())
    limit = middle if wanted.staging_max_error is None else wanted.staging_max_error
    high = off > limit
    line = f"mean absolute error {off:.4g} of {len(said)} rows, wanted at most {limit:.4g} (release.staging_max_error)"
    return {"mean_absolute_error": off}, {"mean_absolute_error": limit}, [line] if high else []


def staging_test(
    settings: Settings,
    project: Project,
    release_id: str,
    model: Mapping[str, Any],
    release_run_id: str,
    by: str = "devmlops",
) -> dict[str, Any]:
    """Put a release on the staging route, send rows of the test part through the AP, and store the report.

    The model of a release that passes is dev_deployed from then on, in MLflow.

    Args:
        settings: Triton, ledger, AP, MLflow and the data repository.
        project: ``release.staging_*`` say how many rows and what is wanted.
        release_id: a packaged release.
        model: of ``include.training.model_info``.
        release_run_id: of `start_release_run`.
        by: who asked for it.

    Returns:
        The report of `send_rows`, with ``load_s`` and ``switch_s``.

    Raises:
        ReleaseError: accuracy, error or latency are not what the project wants.
        TritonError: the release cannot be loaded.
        InferenceError: the AP cannot be reached, does not switch, or answers a row with an error.
        MlflowError: MLflow did not answer.
    """
    from include.clients.inference import InferenceClient
    from include.data import load_part
    from include.ledger import Ledger
    from include.release.engines import stage
    from include.release.reports import conclude

    test = load_part(settings, project, model["data"], "test")
    count = project.release.staging_rows
    start = time.perf_counter()
    with TritonClient(settings) as triton:
        triton.load(release_id)
    loaded = time.perf_counter()
    Ledger(settings.ledger()).switch(project.name, ROUTE, release_id, "staging", by, "staging test")
    with InferenceClient(settings) as client:
        client.refresh()
        client.wait_for_release(project.name, ROUTE, release_id, SWITCH_TIMEOUT_S)
        switched = time.perf_counter()
        report = send_rows(client, project, release_id, test.contents[:count], test.labels[:count])
    report |= {"load_s": round(loaded - start, 3), "switch_s": round(switched - loaded, 3)}
    made = conclude(settings, release_run_id, "staging", release_id, report)
    stage(settings, project, str(model["version"]), by, f"the staging test of {release_id} passed")
    return made
