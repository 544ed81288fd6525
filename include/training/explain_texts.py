"""Which words of texts matter to a model: it is asked about texts with some of their words left out (SHAP and LIME)."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from include.projects import Project
from include.training import curves
from include.training.explain_parts import SIGNS, Clock, Explained, answer, seeded
from include.training.learners import Fitted, predict

if TYPE_CHECKING:
    import numpy as np

PIECES = 100  # that a text is taken apart into: of a longer one several words are one
ASKED = 100  # changed copies of a text that SHAP asks about, and four more a piece
SAMPLES = 500  # the same of LIME
SHOWN = 12  # words that a plot of one answer names
NAMED = 200  # words that are kept
WORD = re.compile(r"\S+")
EMPTY = "..."  # a text of which no word is left, as shap has it: not every model takes one without a letter
EDGES = ".,;:!?\"'()[]{}<>~…。、·“”‘’"


def explain(
    project: Project, fitted: Fitted, texts: np.ndarray, rows: np.ndarray, single: int, found: Explained, clock: Clock
) -> None:
    """Write which words count most in all, and in some texts.

    Args:
        project: gives the task and the classes.
        fitted: the model.
        texts: of the test part, str (n,).
        rows: of those that are explained.
        single: so many of them are shown one by one.
        found: takes what was found.
        clock: when it is over no further text is explained.
    """

    def answers(asked: Any) -> np.ndarray:
        import numpy as np

        return predict(fitted, project, np.array([str(one) for one in asked], dtype=object))

    given = [(int(row), str(texts[row])) for row in rows]
    with found.without("SHAP"), seeded():
        _words(project, answers, given, single, found, clock)
    with found.without("LIME"):
        outputs = answers([text for _, text in given[:single]])
        for place, (row, text) in enumerate(given[:single]):
            if clock.over:
                found.notes.append(clock.note("LIME", place, len(given[:single])))
                break
            chosen, said = answer(project, outputs, place)
            names, weights = _lime(answers, text, chosen)
            title = f"Row {row}: why {said} (LIME)"
            found.plots[f"LIME_row_{row}"] = curves.importance(names, weights, title, SHOWN, f"LIME weight: {SIGNS}")


def _words(
    project: Project,
    answers: Callable[[Any], np.ndarray],
    given: list[tuple[int, str]],
    single: int,
    found: Explained,
    clock: Clock,
) -> None:
    import numpy as np

    outputs = answers([text for _, text in given])
    total: defaultdict[str, float] = defaultdict(float)
    speaks: defaultdict[str, np.ndarray | float] = defaultdict(float)
    shown: list[dict[str, Any]] = []
    for place, (row, text) in enumerate(given):
        values = _values(answers, text)
        chosen, said = answer(project, outputs, place)
        pieces = _pieces(text)
        for (_, name), value in zip(pieces, values, strict=True):
            total[name] += float(np.abs(value).mean())
            speaks[name] = speaks[name] + value
        if place < single:
            own = [[piece, float(value[chosen])] for (piece, _), value in zip(pieces, values, strict=True)]
            shown.append({"row": row, "answer": said, "pieces": own})
        if clock.over and place + 1 < len(given):
            found.notes.append(clock.note("SHAP", place + 1, len(given)))
            break
    done = place + 1
    order = sorted((name for name in total if name), key=lambda name: (-total[name], name))[:NAMED]
    rows: list[dict[str, Any]] = [{"name": name, "value": total[name] / done} for name in order]
    if project.task == "classification":
        rows = [{**one, "for": project.classes[int(np.argmax(speaks[one["name"]]))]} for one in rows]
    found.told = {"method": "SHAP KernelExplainer of words", "rows": done, "importance": rows, "texts": shown}
    if rows:
        title = "Which words matter to the model"
        found.plots["SHAP_importance"] = curves.importance(order, [one["value"] for one in rows], title)


def _values(answers: Callable[[Any], np.ndarray], text: str) -> np.ndarray:
    """Return SHAP values of the pieces of a text, (pieces, outputs)."""
    import numpy as np
    import shap

    pieces = [text[low:high] for low, high in _spans(text)]
    if not pieces:
        return np.zeros((0, 1))

    def kept(masks: np.ndarray) -> np.ndarray:
        return answers([" ".join(piece for piece, there in zip(pieces, mask, strict=True) if there) or EMPTY for mask in masks])

    explainer = shap.KernelExplainer(kept, np.zeros((1, len(pieces))))
    made = explainer.shap_values(np.ones((1, len(pieces))), nsamples=ASKED + 4 * len(pieces), l1_reg=False, silent=True)
    return np.asarray(made, dtype=np.float64).reshape(len(pieces), -1)


def _spans(text: str) -> list[tuple[int, int]]:
    """Return where the pieces of a text lie: its words, or neighbours of a long text together."""
    words = [match.span() for match in WORD.finditer(text)]
    size = -(-len(words) // PIECES) or 1
    return [(words[first][0], words[min(first + size, len(words)) - 1][1]) for first in range(0, len(words), size)]


def _pieces(text: str) -> list[tuple[str, str]]:
    """Return each piece of a text as it is shown, and as it is counted; personal data is its kind in both."""
    from include.data.privacy import find_personal

    personal = find_personal(text)
    found = []
    for low, high in _spans(text):
        kinds = dict.fromkeys(f"[{one.kind.upper()}]" for one in personal if one.start < high and low < one.end)
        said = " ".join(kinds) or text[low:high]
        found.append((said, said if kinds else said.strip(EDGES).lower()))
    return found


def _lime(answers: Callable[[Any], np.ndarray], text: str, chosen: int) -> tuple[list[str], list[float]]:
    """Return the words that LIME finds to matter for one answer, and their weights."""
    from lime.lime_text import LimeTextExplainer

    from include.data.privacy import find_personal

    def columns(texts: list[str]) -> np.ndarray:
        outputs = answers(texts)
        return outputs.reshape(len(outputs), -1)

    made = LimeTextExplainer(random_state=0).explain_instance(
        text, columns, labels=[chosen], num_features=SHOWN, num_samples=SAMPLES
    )
    hidden = {
        word: f"[{one.kind.upper()}]" for one in find_personal(text) for word in re.split(r"\W+", text[one.start : one.end])
    }
    pairs = made.as_list(label=chosen)
    return [hidden.get(str(name), str(name)) for name, _ in pairs], [float(weight) for _, weight in pairs]
