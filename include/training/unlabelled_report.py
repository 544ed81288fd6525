"""Plots and page of an evaluation without labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from include.projects import Project
from include.reports import Section, page, table
from include.training import explain_page
from include.training.drawing import BLUE, GREY, ORANGE, drawing, png
from include.training.evaluation_report import facts, figures_table, gate_table, plots_of, verdict
from include.training.explain_parts import Explained
from include.training.unlabelled import Measured

if TYPE_CHECKING:
    import numpy as np

ABOUT = {
    "clusters": "Items of the test part on the two directions in which they vary most",
    "silhouette": "Silhouette of each item; below 0 it lies nearer to another cluster",
    "map": "What items are reduced to, on the two directions in which it varies most",
    "scree": "Share of variance that so many linear directions hold",
    "restored": "Items, and below what came back of them",
    "returns": "Sum of rewards of each episode in the simulator",
}
SHOWN = 8


def pictures(project: Project, found: Measured) -> dict[str, bytes]:
    """Return the plots of an evaluation as PNG by name."""
    drawn = found.drawn
    if project.task == "clustering":
        made = {"clusters": _clusters(project, drawn["inputs"], drawn["places"], drawn["labels"])}
        if "silhouettes" in drawn:
            made["silhouette"] = _silhouette(drawn["silhouettes"], drawn["places"], found.metrics["silhouette"])
        return made
    if project.task == "reduction":
        made = {"map": _map(project, drawn["outputs"], drawn["labels"])}
        made["scree"] = _scree(drawn["train"], drawn["outputs"].shape[1], found.metrics.get("explained_variance"))
        if (restored := _restored(drawn["inputs"], drawn["back"])) is not None:
            made["restored"] = restored
        return made
    return {"returns": _returns(drawn["won"], drawn["simple"])}


def report_page(project: Project, run_id: str, found: Measured, drawn: Mapping[str, bytes], explained: Explained) -> str:
    """Return an evaluation as an HTML page: verdict, gate, figures, plots, explanations, and what is missing."""
    sections = [
        Section("Gate", gate_table(project, found.metrics)),
        Section("Figures of the test part", figures_table(project, found.metrics, found.baseline)),
        Section("Plots", plots_of(drawn, list(drawn), ABOUT)),
        *explain_page.section(explained.told, explained.plots),
    ]
    if found.notes:
        sections.append(Section("What is missing, and why", table(["note"], [[note] for note in found.notes])))
    what = f"{found.metrics['episodes']:g} episodes" if "episodes" in found.metrics else f"{found.metrics['rows']:,} rows"
    about = f"Run {run_id}, {what} of the test part, learnt without labels"
    title = f"Evaluation of {project.title}"
    return page(title, sections, about, verdict(project, found.metrics), facts(project, found.metrics))


def _flat(values: np.ndarray) -> np.ndarray:
    return values.reshape(len(values), -1)


def _plane(values: np.ndarray) -> np.ndarray:
    """Return items on the two directions in which they vary most (n, 2)."""
    import numpy as np
    from sklearn.decomposition import PCA

    flat = _flat(values)
    found = PCA(min(2, *flat.shape), random_state=0).fit_transform(flat)
    return found if found.shape[1] == 2 else np.column_stack([found[:, 0], np.zeros(len(found))])


def _scatter(axes: Any, points: np.ndarray, kinds: np.ndarray, name: Callable[[int], str]) -> None:
    import numpy as np
    from matplotlib import colormaps

    colours = colormaps["tab10"]
    for kind in np.unique(kinds):
        at = kinds == kind
        colour = GREY if kind < 0 else colours(int(kind) % 10)
        axes.scatter(points[at, 0], points[at, 1], s=14, color=colour, label=name(int(kind)), alpha=0.8)
    if len(np.unique(kinds)) > 1 or kinds.min() >= 0:
        axes.legend(loc="best", fontsize=8, frameon=True, framealpha=0.6)


def _class(project: Project) -> Callable[[int], str]:
    return lambda kind: "unknown" if kind < 0 else project.classes[kind]


def _clusters(project: Project, inputs: np.ndarray, places: np.ndarray, labels: np.ndarray) -> bytes:
    points, both = _plane(inputs), bool((labels >= 0).any())
    with drawing(9 if both else 5, 3.8, columns=2 if both else 1) as (figure, axes):
        _scatter(axes[0], points, places, lambda kind: f"cluster {kind}")
        axes[0].set(title="Clusters", xlabel="first direction", ylabel="second direction")
        if both:
            _scatter(axes[1], points, labels, _class(project))
            axes[1].set(title="Labels, which nothing learnt from", xlabel="first direction")
        return png(figure)


def _silhouette(each: np.ndarray, places: np.ndarray, mean: float) -> bytes:
    import numpy as np
    from matplotlib import colormaps

    with drawing(6, 3.8) as (figure, (axes,)):
        begin = 0
        for kind in np.unique(places[: len(each)]):
            values = np.sort(each[places[: len(each)] == kind])[::-1]
            axes.barh(np.arange(begin, begin + len(values)), values, height=1, color=colormaps["tab10"](int(kind) % 10))
            axes.text(-0.02, begin + len(values) / 2, str(kind), ha="right", va="center")
            begin += len(values) + 2
        axes.axvline(mean, color=GREY, linestyle="--")
        axes.set(title=f"Silhouette (mean {mean:.3f})", xlabel="silhouette", yticks=[])
        return png(figure)


def _map(project: Project, outputs: np.ndarray, labels: np.ndarray) -> bytes:
    with drawing(6, 4.6) as (figure, (axes,)):
        _scatter(axes, _plane(outputs), labels, _class(project))
        axes.set(title=f"{outputs.shape[1]} numbers an item", xlabel="first direction", ylabel="second direction")
        return png(figure)


def _scree(train: np.ndarray, dimensions: int, explained: float | None) -> bytes:
    import numpy as np
    from sklearn.decomposition import PCA

    flat = _flat(train)
    share = np.cumsum(PCA(min(3 * dimensions, *flat.shape), random_state=0).fit(flat).explained_variance_ratio_)
    with drawing(6, 3.6) as (figure, (axes,)):
        axes.plot(np.arange(1, len(share) + 1), share, "o-", color=BLUE, markersize=4, label="linear directions, train part")
        if explained is not None:
            axes.plot([dimensions], [explained], "D", color=ORANGE, markersize=8, label="this model, test part")
        axes.axvline(dimensions, color=GREY, linestyle="--", linewidth=1)
        axes.set(title="Explained variance", xlabel="dimensions", ylabel="share", ylim=(0, 1.02))
        axes.legend(loc="lower right")
        return png(figure)


def _restored(inputs: np.ndarray, back: np.ndarray) -> bytes | None:
    """Draw some items over what came back; None where they are no pictures."""
    shape = inputs.shape[1:]
    while len(shape) > 2 and shape[0] == 1:
        shape = shape[1:]
    if len(shape) != 2 or min(shape) < 4:
        return None
    with drawing(9, 2.6, columns=min(SHOWN, len(inputs))) as (figure, columns):
        import numpy as np

        for number, axes in enumerate(columns):
            pair = np.vstack([inputs[number].reshape(shape), back[number].reshape(shape)])
            axes.imshow(pair, cmap="gray_r")
            axes.set(xticks=[], yticks=[])
        return png(figure)


def _returns(won: np.ndarray, simple: Mapping[str, np.ndarray]) -> bytes:
    with drawing(7, 3.8) as (figure, (axes,)):
        axes.hist(won, bins=20, color=BLUE, label=f"this policy (mean {won.mean():.1f})")
        for (name, values), style in zip(simple.items(), ("--", ":"), strict=False):
            axes.axvline(values.mean(), color=ORANGE, linestyle=style, label=f"{name} (mean {values.mean():.1f})")
        axes.set(title="Returns in the simulator", xlabel="sum of rewards", ylabel="episodes")
        axes.legend(loc="upper center")
        return png(figure)
