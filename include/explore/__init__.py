"""Exploring: what a data version holds, before anybody trains with it.

`profile` looks at a version and keeps a page, plots and numbers as an MLflow run; `look` does the looking alone.
"""

from include.explore.profile import look, profile

__all__ = ["look", "profile"]
