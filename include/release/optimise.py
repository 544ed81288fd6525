"""Makes the ONNX forms of a trained model and decides which one is released."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from include.clients import onnx as onnx_model
from include.projects import Project
from include.projects.answers import trained
from include.release.inference_code import postprocess_of
from include.release.judge import figure_of, judge
from include.release.latency import measure
from include.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    from onnxruntime import InferenceSession

    from include.training import Fitted

CALIBRATION_ROWS = 512
SLOWER_LIMIT = 2.0  # int8 without the processor's support can be several times slower


@dataclass(frozen=True)
class TestRows:
    """Preprocessed rows with their true answers, and how outputs become answers.

    Attributes:
        inputs: float32 (n, ...).
        labels: class indices or numbers (n,).
        answers: outputs of a model (n, ...) -> answers by name.
        task: of the project.
    """

    __test__ = False  # no test class, whatever its name looks like to pytest

    inputs: np.ndarray
    labels: np.ndarray
    answers: Callable[[np.ndarray], Mapping[str, np.ndarray]]
    task: str = "classification"


def optimise_module(
    model: Fitted,
    calibration: np.ndarray,
    test: TestRows,
    out_dir: Path,
    *,
    quantise: Literal["none", "int8"] = "int8",
    max_accuracy_drop: float = 0.01,
) -> dict[str, Any]:
    """Export and quantise a model, measure each form, choose one.

    A model that cannot be quantised stays as it is; the report says why.

    Args:
        model: as it was trained.
        calibration: preprocessed training rows, float32 (n, ...).
        test: what accuracy is measured on.
        out_dir: gets ``model.fp32.onnx``, ``model.int8.onnx`` and ``optimise.png``.
        quantise: which forms beside fp32 to make.
        max_accuracy_drop: how much accuracy int8 may lose against fp32 and still be chosen.

    Returns:
        ``figure`` (`include.release.judge.figure_of`, such as ``accuracy``); ``trained``, ``fp32`` and, where made,
        ``int8``: each with that figure, ``size_bytes``, ``p50_ms``, ``p99_ms`` (one row), ``batch32`` (the same of 32
        rows), ``sha256``; ``chosen``, ``reason``, ``rows``, ``calibration_rows``.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    answers = _trained(model, test)
    report: dict[str, Any] = {"figure": figure_of(test.task), "trained": _form(model.files().values(), test, answers, answers)}
    source = out_dir / "model.fp32.onnx"
    model.export(test.inputs, source)
    sessions = {"fp32": onnx_model.session(source)}
    report["fp32"] = _form_of_file(source, sessions["fp32"], test, answers)
    rows = calibration[:CALIBRATION_ROWS]
    why = ""
    if quantise == "int8":
        try:
            onnx_model.quantise(source, rows, out_dir / "model.int8.onnx")
            int8 = onnx_model.session(out_dir / "model.int8.onnx")
            onnx_model.run(int8, _rows(test.inputs, 1))  # a form that takes no single row is none
            report["int8"] = _form_of_file(out_dir / "model.int8.onnx", int8, test, answers)
            sessions["int8"] = int8
        except Exception as cause:  # whatever the quantiser says of operators that it does not know
            (out_dir / "model.int8.onnx").unlink(missing_ok=True)
            why = f"no int8 form can be made of this model ({type(cause).__name__}: {str(cause).splitlines()[0][:200]})"
    for form, took in _latency(model, sessions, test.inputs).items():
        report[form] |= took
    report["chosen"], report["reason"] = ("fp32", why) if why else choose(report, max_accuracy_drop)
    report |= {"rows": len(test.inputs), "calibration_rows": len(rows) if "int8" in report else 0}
    plot(report, out_dir / "optimise.png")
    return report


def choose(report: Mapping[str, Any], max_accuracy_drop: float) -> tuple[str, str]:
    """Return which form is released, and why."""
    fp32, int8 = report["fp32"], report.get("int8")
    if int8 is None:
        return "fp32", "the project asks for no quantisation"
    figure = report.get("figure", "accuracy")
    drop = fp32[figure] - int8[figure]
    change = (
        f"{figure} {fp32[figure]:.4f} -> {int8[figure]:.4f}, "
        f"size {fp32['size_bytes']:,} -> {int8['size_bytes']:,} bytes, "
        f"p50 {fp32['p50_ms']:.3f} -> {int8['p50_ms']:.3f} ms"
    )
    if drop > max_accuracy_drop + 1e-12:
        return "fp32", f"int8 loses {drop:.4f} {figure}, more than the allowed {max_accuracy_drop}: {change}"
    if int8["size_bytes"] >= fp32["size_bytes"]:
        return "fp32", f"int8 is not smaller: {change}"
    if int8["p50_ms"] > SLOWER_LIMIT * fp32["p50_ms"]:
        return "fp32", f"int8 is more than {SLOWER_LIMIT:g} times slower on this processor: {change}"
    return "int8", change


def optimise(settings: Settings, project: Project, model: Mapping[str, Any], release_run_id: str) -> dict[str, Any]:
    """Make the ONNX forms of a registered model and store them, their plot and the report in the release's run.

    A second call for the same run gives back the first one's report, so that a release never changes its mind.

    Args:
        settings: MLflow and the data repository; the files are made under the home folder.
        project: the project.
        model: of ``include.training.model_info``.
        release_run_id: of `start_release_run`.

    Returns:
        The report of `optimise_module`.
    """
    from include.clients.mlflow import mlflow_client, mlflow_errors
    from include.data import load_part
    from include.release.reports import log_report, read_report
    from include.training import Preparation, load_model, on_cpu

    if found := read_report(settings, release_run_id, "optimise"):
        return found
    folder = settings.home / "releases" / release_run_id
    with on_cpu():  # as the ONNX forms that it is compared with
        fitted = load_model(settings, project, model["version"])
    prepare = fitted.preparation or Preparation(project, None)
    train, test = (load_part(settings, project, model["data"], part) for part in ("train", "test"))
    report = optimise_module(
        fitted,
        prepare(train.contents[:CALIBRATION_ROWS]),
        TestRows(prepare(test.contents), test.labels, postprocess_of(project), project.task),
        folder,
        quantise=project.release.quantise,
        max_accuracy_drop=project.release.max_accuracy_drop,
    )
    client = mlflow_client(settings)
    with mlflow_errors(settings, f"store the ONNX files of run {release_run_id}"):
        for path in sorted(folder.glob("model.*.onnx")):
            client.log_artifact(release_run_id, str(path), "onnx")
        client.log_artifact(release_run_id, str(folder / "optimise.png"), "plots")
    log_report(settings, release_run_id, "optimise", report)  # last: it says that the files are there
    return report


def plot(report: Mapping[str, Any], path: Path) -> None:
    """Draw accuracy, size and latency of each form side by side."""
    from matplotlib.figure import Figure

    forms = [form for form in ("trained", "fp32", "int8") if form in report]
    figure = report.get("figure", "accuracy")
    panels: list[tuple[str, Callable[[Mapping[str, Any]], float]]] = [
        (figure, lambda r: r[figure]),
        ("size, KiB", lambda r: r["size_bytes"] / 1024),
        ("p50 of one row, ms", lambda r: r["p50_ms"]),
        ("p50 of 32 rows, ms", lambda r: r["batch32"]["p50_ms"]),
    ]
    page = Figure(figsize=(12, 3.2), layout="constrained")
    for axes, (title, value) in zip(page.subplots(1, len(panels)), panels, strict=True):
        bars = axes.bar(forms, [value(report[form]) for form in forms], color=["#9aa5b1", "#4c78a8", "#54a24b"][: len(forms)])
        axes.bar_label(bars, fmt="%.3g")
        axes.set_title(title)
        axes.margins(y=0.15)
    page.suptitle(f"chosen: {report['chosen']}")
    page.savefig(path, dpi=110)


def _trained(model: Fitted, test: TestRows) -> Mapping[str, np.ndarray]:
    """Return what the trained model answers; its outputs may be shares already."""
    outputs = model.predict(test.inputs)
    return trained(outputs, test.task) or test.answers(outputs.reshape(len(outputs), -1))


def _form(
    contents: Iterable[bytes], test: TestRows, answers: Mapping[str, np.ndarray], known: Mapping[str, np.ndarray]
) -> dict[str, Any]:
    figure = judge(test.task, answers, test.labels, known)
    return {figure_of(test.task): figure, "size_bytes": sum(map(len, contents))}


def _form_of_file(path: Path, session: InferenceSession, test: TestRows, known: Mapping[str, np.ndarray]) -> dict[str, Any]:
    content = path.read_bytes()
    answers = test.answers(onnx_model.run(session, test.inputs))
    return {**_form([content], test, answers, known), "sha256": hashlib.sha256(content).hexdigest()}


def _latency(model: Fitted, sessions: Mapping[str, InferenceSession], inputs: np.ndarray) -> dict[str, dict[str, Any]]:
    """Return how long one row and 32 rows take, of the trained model and of each ONNX form."""

    def took(rows: np.ndarray) -> dict[str, dict[str, float]]:
        calls: dict[str, Callable[[], object]] = {"trained": partial(model.predict, rows)}
        for form, session in sessions.items():
            calls[form] = partial(session.run, None, {session.get_inputs()[0].name: rows})
        return measure(calls)

    with _one_core(model.framework):
        one, many = took(_rows(inputs, 1)), took(_rows(inputs, 32))
    return {form: {**found, "batch32": many[form]} for form, found in one.items()}


@contextmanager
def _one_core(framework: str) -> Iterator[None]:
    """Let torch use one core, as the ONNX forms do, so that they can be compared."""
    if framework != "torch":
        yield
        return
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _rows(inputs: np.ndarray, n: int) -> np.ndarray:
    import numpy as np

    return np.ascontiguousarray(np.resize(inputs, (n, *inputs.shape[1:])), dtype=np.float32)
