"""Families of models of breast masses; a search chooses among them."""

from __future__ import annotations

from typing import Any


def logistic(params: dict[str, Any]) -> Any:
    """Build a logistic regression.

    Args:
        params: ``strength`` of what it learns against keeping weights small (C of scikit-learn).
    """
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=float(params.get("strength", 1.0)), max_iter=1000)


def boosting(params: dict[str, Any]) -> Any:
    """Build gradient boosting of small trees.

    Args:
        params: ``trees``, ``depth`` of each and ``rate``, the share of each that counts.
    """
    from sklearn.ensemble import GradientBoostingClassifier

    trees, depth, rate = int(params.get("trees", 100)), int(params.get("depth", 2)), float(params.get("rate", 0.1))
    return GradientBoostingClassifier(n_estimators=trees, max_depth=depth, learning_rate=rate, subsample=0.8)


def forest(params: dict[str, Any]) -> Any:
    """Build a random forest.

    Args:
        params: ``trees`` and ``leaf``, the fewest rows of a leaf.
    """
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(n_estimators=int(params.get("trees", 100)), min_samples_leaf=int(params.get("leaf", 2)))
