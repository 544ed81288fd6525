"""Status: how much data there is, of what, in which state, how good; and the report of it."""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
