"""Relations in a profile: between columns (correlation, Cramér's V, correlation ratio), and of each with the label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from include.explore.book import Book, drawn, panels
from include.explore.measuring import NUMBERS, Measures
from include.projects import Project
from include.reports import bars, table
from include.reports.letters import spelt
from include.training.drawing import INK, diverging

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

MOST_COLUMNS, MOST_ROWS, MOST_VALUES, PAIRS = 40, 10_000, 100, 15
NEIGHBOURS_OF = 3000  # rows that mutual information is estimated from: the neighbours of each are searched
FEWEST = 20  # rows that a relation is told from
WRITTEN = 12  # columns up to which each cell has its number
PEARSON, RATIO, CRAMER = "Pearson's r", "correlation ratio", "Cramér's V"
ABOUT = (
    f"Of two numbers {PEARSON}, -1 to 1: below 0 one falls where the other rises. Without a sign, 0 is none and 1 is full: "
    f"{CRAMER} of two names, the {RATIO} of a number and a name. The strongest first, whatever the sign."
)


def tell(book: Book, project: Project, measures: Measures, labels: Sequence[str | None], seed: int) -> None:
    """Write the sections about relations, of at most `MOST_ROWS` rows of the sample."""
    numbers = [n for n in measures.of_type(*NUMBERS) if measures.frame[n].nunique() > 1]
    kinds = [n for n in measures.of_type("category", "boolean") if 1 < measures.frame[n].nunique() <= MOST_VALUES]
    frame = measures.frame[[*numbers, *kinds]].iloc[:MOST_ROWS].reset_index(drop=True)
    if len(frame) < FEWEST:
        return
    _label(book, project, frame[:NEIGHBOURS_OF], numbers, labels[:NEIGHBOURS_OF], seed)
    names = [*numbers, *kinds][:MOST_COLUMNS]
    if len(names) < 2:
        return
    numbers = [name for name in names if name in numbers]
    strength = association(frame, numbers, [name for name in names if name not in numbers])
    pairs = [
        (float(strength[i, j]), names[i], names[j], _measure(i, j, len(numbers))) for i in range(len(names)) for j in range(i)
    ]
    pairs = sorted((one for one in pairs if one[0] == one[0]), key=lambda one: (-abs(one[0]), one[1], one[2]))[:PAIRS]
    book.add("Relations between columns", ABOUT, _map(book, strength, names, len(numbers)), _pairs(pairs))
    book.facts["relations"] = [
        {"columns": [a, b], "strength": round(value, 4), "measure": measure} for value, a, b, measure in pairs
    ]


def association(frame: pd.DataFrame, numbers: Sequence[str], kinds: Sequence[str]) -> np.ndarray:
    """Return how strongly columns hang together, float (n, n): numbers first, then names.

    Pearson's r of two numbers, -1 to 1; without a sign, 0 to 1, the correlation ratio of a number and a name, and Cramér's
    V with Bergsma's correction of two names; of the rows that have both.
    """
    import numpy as np

    count = len(numbers) + len(kinds)
    found = np.eye(count)
    if len(numbers):
        values = frame[list(numbers)].astype("float64")
        found[: len(numbers), : len(numbers)] = values.corr().to_numpy()
    codes = {name: frame[name].astype("category").cat.codes.to_numpy() for name in kinds}
    for place, name in enumerate(kinds, len(numbers)):
        for other, number in enumerate(numbers):
            found[place, other] = found[other, place] = ratio(
                codes[name], frame[number].to_numpy(dtype="float64", na_value=np.nan)
            )
        for other, second in enumerate(kinds[: place - len(numbers)], len(numbers)):
            found[place, other] = found[other, place] = cramer(codes[name], codes[second])
    return found


def ratio(codes: np.ndarray, values: np.ndarray) -> float:
    """Return the correlation ratio of a name's codes (-1 is missing) and numbers, 0 to 1."""
    import numpy as np

    known = (codes >= 0) & np.isfinite(values)
    codes, values = codes[known], values[known]
    if not len(values) or values.var() == 0:
        return float("nan")
    times = np.bincount(codes)
    means = np.bincount(codes, weights=values)[times > 0] / times[times > 0]
    return float(np.sqrt((times[times > 0] * (means - values.mean()) ** 2).sum() / ((values - values.mean()) ** 2).sum()))


def cramer(first: np.ndarray, second: np.ndarray) -> float:
    """Return Cramér's V of two names' codes (-1 is missing), corrected for chance, 0 to 1."""
    import numpy as np
    from scipy.stats import chi2_contingency

    known = (first >= 0) & (second >= 0)
    crossed = np.zeros((first.max(initial=0) + 1, second.max(initial=0) + 1))
    np.add.at(crossed, (first[known], second[known]), 1)
    crossed = crossed[crossed.sum(1) > 0][:, crossed.sum(0) > 0]
    total, (rows, columns) = crossed.sum(), crossed.shape
    if total < 2 or min(rows, columns) < 2:
        return float("nan")
    phi = chi2_contingency(crossed, correction=False).statistic / total
    phi = max(0.0, phi - (rows - 1) * (columns - 1) / (total - 1))
    rows, columns = (side - (side - 1) ** 2 / (total - 1) for side in (rows, columns))
    return float(np.sqrt(phi / max(min(rows, columns) - 1, 1e-12)))


def _label(
    book: Book, project: Project, frame: pd.DataFrame, numbers: Sequence[str], labels: Sequence[str | None], seed: int
) -> None:
    """Write how much each column tells of the label: mutual information, in nats."""
    import numpy as np
    import pandas as pd
    from sklearn.feature_selection import mutual_info_classif, mutual_info_regression

    if project.task not in ("classification", "regression") or not len(frame.columns):
        return
    known = np.array([label is not None for label in labels])
    if known.sum() < FEWEST:
        return
    answers = pd.Series([label for label in labels if label is not None])
    inputs, discrete = frame[known].copy(), [name not in numbers for name in frame.columns]
    for name in frame.columns:
        if name in numbers:
            values = inputs[name].astype("float64")
            inputs[name] = values.fillna(values.median())
        else:
            inputs[name] = inputs[name].astype("category").cat.codes + 1
    measured = mutual_info_regression if project.task == "regression" else mutual_info_classif
    target = answers.astype("float64") if project.task == "regression" else answers.astype("category").cat.codes
    found = measured(inputs.to_numpy(dtype="float64"), target.to_numpy(), discrete_features=np.array(discrete), random_state=seed)
    told = {name: round(float(value), 4) for name, value in sorted(zip(frame.columns, found, strict=True), key=lambda p: -p[1])}
    for name, value in told.items():
        book.number(f"tells_of_label/{name}", value)
    book.facts["tells_of_label"] = told
    book.add(
        "What columns tell of the label",
        "Mutual information with the label, in nats; 0 is nothing.",
        bars(dict(list(told.items())[:MOST_COLUMNS])),
    )


def _measure(first: int, second: int, numbers: int) -> str:
    """Return how two columns were compared, of which so many are numbers."""
    return (CRAMER, RATIO, PEARSON)[(first < numbers) + (second < numbers)]


def _map(book: Book, strength: np.ndarray, names: Sequence[str], numbers: int) -> Markup:
    """Draw how columns hang together: with a sign in blue and orange, without one in green."""
    import numpy as np

    side = min(max(3.4, 0.3 * len(names) + 1.4), 12)
    shown, places = spelt(names, 18), np.arange(len(names))
    signed = np.logical_and.outer(places < numbers, places < numbers)
    both = 1 < numbers < len(names)
    with panels(1, 1, side + (2.2 if both else 1.2), side) as (figure, (axes,)):
        kinds: list[tuple[str, Any, int, np.ndarray]] = []
        if numbers > 1:
            kinds.append((f"{PEARSON} of two numbers", diverging(), -1, ~signed))
        if numbers < len(names):
            kinds.append((f"without a sign: {CRAMER}, {RATIO}", "Greens", 0, signed))
        for label, colours, least, hidden in kinds:
            picture = axes.imshow(np.ma.masked_where(hidden, strength), cmap=colours, vmin=least, vmax=1)
            legend = figure.colorbar(picture, ax=axes, shrink=0.7)
            legend.set_label(label, fontsize=7)
            legend.ax.tick_params(labelsize=7)
        axes.set_facecolor("#e2e8f0")  # where nothing can be told
        axes.set_xticks(places, shown, rotation=90, fontsize=7)
        axes.set_yticks(places, shown, fontsize=7)
        axes.grid(False)
        if len(names) <= WRITTEN:
            for row, column in zip(*np.nonzero(np.isfinite(strength)), strict=True):
                value = strength[row, column]
                colour = "white" if abs(value) > 0.6 else INK
                axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=6, color=colour)
        return book.plot("relations", drawn(figure))


def _pairs(pairs: Sequence[tuple[float, str, str, str]]) -> Markup:
    return table(("column", "column", "strength", "measure"), [(a, b, round(value, 3), how) for value, a, b, how in pairs])
