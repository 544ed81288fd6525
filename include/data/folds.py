"""Folds: what train, validation and test are, seen from one fold of a split."""

from __future__ import annotations

from include.data.errors import ReferenceFault
from include.data.recipes import PARTS, Recipe, edges

Fold = int | str | tuple[int, int]  # 2 of a k-fold; (2, 3) or "2.3" of a nested one, 2 meaning (2, 1)


def parts_of(how: Recipe, fold: Fold | None, where: str) -> dict[str, str]:
    """Return the part of each slot, seen from one fold.

    The chosen fold of a k-fold is validation, what was held out is test, the other folds are train. The chosen
    outer fold of a nested one is test, the chosen inner fold of the rest is validation, the others are train.

    Args:
        how: the recipe.
        fold: counted from 1; None for the first, and for a split without folds.
        where: which split, for the error.

    Raises:
        ReferenceFault: there is no such fold.
    """
    slots = list(edges(how))
    if how["method"] not in ("kfold", "nested"):
        if fold is not None:
            raise ReferenceFault(where, f"it has no fold {fold!r}", f"It was made by the method {how['method']}: leave fold out")
        return {slot: slot for slot in slots}
    numbers = _numbers(fold)
    outer, inner = (*numbers, 1, 1)[:2] if numbers else (0, 0)
    nested = how["method"] == "nested"
    many = not nested and len(numbers) > 1
    if many or not 1 <= outer <= how["folds"] or not 1 <= inner <= how.get("inner_folds", inner):
        counts = f"{how['folds']} outer and {how['inner_folds']} inner folds" if nested else f"{how['folds']} folds"
        example = '"2.1"' if nested else "2"
        raise ReferenceFault(where, f"it has no fold {fold!r}", f"It has {counts}, counted from 1: give such as {example}")
    if not nested:
        return {slot: "test" if slot == "test" else "validation" if slot == str(outer) else "train" for slot in slots}
    chosen = {}
    for slot in slots:
        ours = slot.split(".")
        chosen[slot] = "test" if ours[0] == str(outer) else "validation" if ours[1] == str(inner) else "train"
    return chosen


def shape(how: Recipe) -> list[int] | None:
    """Return the number of folds, of nested ones outer and inner; None for a split without folds."""
    return [how[name] for name in ("folds", "inner_folds") if name in how] or None


def named(how: Recipe, fold: Fold | None, where: str) -> dict[str, str]:
    """Return the same as `parts_of`; without a fold, each fold under its own name."""
    if fold is None and shape(how):
        return {slot: slot for slot in edges(how)}
    return parts_of(how, fold, where)


def order(names: dict[str, str]) -> list[str]:
    """Return the parts of `named` in the order in which people read them."""
    found = list(dict.fromkeys(names.values()))
    return [part for part in PARTS if part in found] if set(found) <= set(PARTS) else found


def _numbers(fold: Fold | None) -> list[int]:
    if fold is None:
        return [1]
    if isinstance(fold, bool) or not isinstance(fold, int | str | tuple | list):
        return []
    texts = fold.split(".") if isinstance(fold, str) else fold if isinstance(fold, tuple | list) else [fold]
    try:
        numbers = [int(one) for one in texts]
    except (TypeError, ValueError):
        return []
    return numbers if 1 <= len(numbers) <= 2 else []
