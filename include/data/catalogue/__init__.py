"""Catalogue: every data asset, feature view, model and release of all projects, found by what is known of it."""

from include.data.catalogue.notes import annotate
from include.data.catalogue.search import KINDS, Asset, Found, find, search

__all__ = ["KINDS", "Asset", "Found", "annotate", "find", "search"]
