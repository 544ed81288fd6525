"""Lineage: what an asset was made from, and what was made from it, from source to release and back."""

from include.data.lineage import assets
from include.data.lineage.engines import Engines, asked
from include.data.lineage.errors import UnknownAsset
from include.data.lineage.graph import graph
from include.data.lineage.view import svg

__all__ = ["Engines", "UnknownAsset", "asked", "assets", "graph", "svg"]
