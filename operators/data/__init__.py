"""Tasks of the data area: rounds, checks, versions, splits, bundles."""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
