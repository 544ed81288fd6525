"""What a model gets: features of the transforms before and after, and what augmentation makes of items.

Transforms are fitted as a training fits them, on items of the training part alone, here on those of the sample.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from include.explore.book import Book, drawn, histogram, panels
from include.explore.measuring import kind_of
from include.explore.pictures import sheet
from include.explore.reading import Drawn
from include.explore.texts import safe
from include.projects import Project, ProjectError
from include.projects.content import TableContent
from include.reports import image, table
from include.reports.letters import spelt
from include.training import InputError, Preparation
from include.training.augmentation import Augmenter
from include.training.drawing import BLUE, GREY, ORANGE
from include.training.preparation import fit

if TYPE_CHECKING:
    import numpy as np

MOST_ROWS, MOST_FEATURES, SHOWN = 2000, 24, 160
ITEMS, EPOCHS = 8, 4


def features(book: Book, project: Project, sample: Drawn) -> None:
    """Write the section about the inputs of a model: of each transform, or of the preprocess component."""
    import numpy as np

    learnt = np.ones(sample.rows.num_rows, dtype=bool) if sample.train is None else sample.train
    rows = np.flatnonzero(learnt)[:MOST_ROWS]
    if not len(rows):
        return
    contents = _take(sample.contents, rows)
    whose = "the training part" if sample.train is not None else "the sample"
    try:
        ready = fit(project, contents)
        made = ready(contents)
    except (InputError, ProjectError, ValueError) as cause:
        book.add("Inputs of a model", f"They cannot be made: {cause}")
        book.facts["inputs"] = {"problem": str(cause)}
        return
    flat = made.reshape(len(made), -1)
    told: dict[str, Any] = {"shape": list(made.shape[1:]), "mean": float(flat.mean()), "deviation": float(flat.std())}
    told |= {"least": float(flat.min()), "greatest": float(flat.max()), "zeros": float((flat == 0).mean())}
    book.facts["inputs"] = {**told, "fitted_on": len(rows)}
    for name in ("mean", "deviation", "zeros"):
        book.number(f"inputs_{name}", told[name])
    by = ", ".join(step.use for step in project.transforms) or "the preprocess component"
    done = "fitted on" if project.transforms else "of"
    pieces: list[Any] = [f"By {by}, {done} {len(rows):,} items of {whose}.", table(("what", "value"), list(told.items()))]
    pieces += _pairs(book, project, ready, contents, flat)
    book.add("Inputs of a model", *pieces)


def _pairs(book: Book, project: Project, ready: Preparation, contents: Any, flat: np.ndarray) -> list[Any]:
    """Return plots of features after, and where a column of numbers makes them, of that column before."""
    import numpy as np

    names = ready.names or [f"input {place}" for place in range(flat.shape[1])]
    order = np.argsort(-flat.std(axis=0), kind="stable")[:MOST_FEATURES]
    chosen = sorted(int(place) for place in order)
    form = project.data.content
    columns = form.columns if isinstance(form, TableContent) else {}
    shown = spelt(names)
    with panels(len(chosen)) as (figure, axes):
        for one, place in zip(axes, chosen, strict=True):
            histogram(one, flat[:, place])
            one.set_title(shown[place], fontsize=9)
        after = book.plot("inputs", drawn(figure), "after")
    before = [name for name in dict.fromkeys(names) if name in columns and columns[name].type in ("number", "integer")]
    before = [name for name in before if not columns[name].personal][:MOST_FEATURES]
    left = f"Of {len(names)} features the {len(chosen)} that differ most among items." if len(names) > len(chosen) else ""
    if not before:
        return [left, after]
    with panels(len(before)) as (figure, axes):
        for one, name in zip(axes, before, strict=True):
            histogram(one, contents[name].dropna().to_numpy(dtype=np.float64), colour=GREY)
            one.set_title(shown[names.index(name)], fontsize=9)
        return [left, book.plot("inputs_before", drawn(figure), "before"), after]


def augmented(book: Book, project: Project, sample: Drawn) -> None:
    """Write the section that shows items and what the first epochs of a training make of them; none is kept as an item."""
    import numpy as np

    wish = project.training.augmentation
    if not wish:
        return
    learnt = np.ones(sample.rows.num_rows, dtype=bool) if sample.train is None else sample.train
    contents = _take(sample.contents, np.flatnonzero(learnt)[:ITEMS])
    if not len(contents):
        return
    augment, rows = Augmenter(project, project.training.seed), range(len(contents))
    epochs = [augment(contents, rows, epoch) for epoch in range(1, EPOCHS + 1)]
    steps = table(
        ("step", "probability", "params"),
        [(one.use, one.probability, str(one.params) if one.params else "") for one in wish.steps],
    )
    kind = kind_of(project)
    book.facts["augmentation"] = wish.model_dump(mode="json")
    told = "An item, and what it is in each of the first epochs of a training. Only the training part is varied."
    if kind == "text":
        lines = [[safe(str(version[row]))[:SHOWN] for version in (contents, *epochs)] for row in rows]
        book.add("Augmentation", steps, told, table(("item", *(f"epoch {one}" for one in range(1, EPOCHS + 1))), lines))
    elif kind == "window":
        book.add("Augmentation", steps, told, _lines(book, contents, epochs))
    else:
        every = [_bytes(version[row]) for row in rows for version in (contents, *epochs)]
        if made := sheet(every, project.data.content, across=EPOCHS + 1):
            book.plots["augmentation"] = made
            book.add("Augmentation", steps, told, image(made, "left the item, then epochs 1 to 4"))


def _lines(book: Book, contents: np.ndarray, epochs: list[np.ndarray]) -> Any:
    with panels(len(contents), 4) as (figure, axes):
        for row, one in enumerate(axes):
            for version in epochs:
                one.plot(version[row].reshape(len(version[row]), -1)[:, 0], color=ORANGE, linewidth=0.7)
            one.plot(contents[row].reshape(len(contents[row]), -1)[:, 0], color=BLUE)
        return book.plot("augmentation", drawn(figure), "blue the item, orange epochs 1 to 4")


def _take(contents: Any, rows: np.ndarray) -> Any:
    return contents.iloc[rows].reset_index(drop=True) if hasattr(contents, "iloc") else contents[rows]


def _bytes(content: Any) -> bytes:
    return content if isinstance(content, bytes) else content.tobytes()
