"""Families of clusterings of flowers; a search chooses among them and how many clusters there are."""

from __future__ import annotations

from typing import Any


def k_means(params: dict[str, Any]) -> Any:
    """Build k-means.

    Args:
        params: ``clusters``.
    """
    from sklearn.cluster import KMeans

    return KMeans(n_clusters=int(params.get("clusters", 2)), n_init=10)


def mixture(params: dict[str, Any]) -> Any:
    """Build a mixture of normal distributions.

    Args:
        params: ``clusters`` and ``shape`` of them: ``full``, ``tied`` or ``diag``.
    """
    from sklearn.mixture import GaussianMixture

    return GaussianMixture(int(params.get("clusters", 2)), covariance_type=params.get("shape", "full"), n_init=3, reg_covar=1e-4)
