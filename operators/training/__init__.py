"""Tasks of the training area: choose the data, tune, train, evaluate, register, confirm."""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
