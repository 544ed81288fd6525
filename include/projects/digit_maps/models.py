"""Families of reductions of images; a search chooses among them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

PIXELS = 64


def pca(params: dict[str, Any]) -> Any:
    """Build a principal component analysis.

    Args:
        params: ``dimensions``.
    """
    from sklearn.decomposition import PCA

    return PCA(int(params.get("dimensions", 8)))


def autoencoder(params: dict[str, Any]) -> nn.Module:
    """Build a network that reduces images and brings them back.

    Args:
        params: ``dimensions``, and ``hidden`` units on each side of them; others belong to the training.

    Returns:
        A module from float32 images (n, 1, 8, 8) to (n, dimensions), with ``encode`` and ``decode``.

    Raises:
        ValueError: a parameter is less than 1.
    """
    import torch
    from torch import nn

    dimensions, hidden = int(params.get("dimensions", 8)), int(params.get("hidden", 64))
    if dimensions < 1 or hidden < 1:
        raise ValueError(f"dimensions and hidden must be at least 1, not {dimensions} and {hidden}")

    class Autoencoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.down = nn.Sequential(nn.Flatten(), nn.Linear(PIXELS, hidden), nn.ReLU(), nn.Linear(hidden, dimensions))
            self.up = nn.Sequential(nn.Linear(dimensions, hidden), nn.ReLU(), nn.Linear(hidden, PIXELS), nn.Sigmoid())

        def encode(self, images: torch.Tensor) -> torch.Tensor:
            found: torch.Tensor = self.down(images)
            return found

        def decode(self, found: torch.Tensor) -> torch.Tensor:
            images: torch.Tensor = self.up(found)
            return images

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return self.encode(images)

    return Autoencoder()
