"""Tasks of a project's workflow: one for each step, and the model that comes out."""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
