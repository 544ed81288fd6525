"""Tasks of the monitoring area: watch for drift, raise the alert, report, compare four ways."""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
