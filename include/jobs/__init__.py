"""Jobs: heavy work in a process of its own, the same command wherever it runs."""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
