"""Tasks of the release area: optimise, check, package, test, seal, approve, deploy, roll back."""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
