"""Quality: what a round's data is like, beyond what every round must hold.

`assess` looks at a round and tells; `assess_table` is what the checks of a round call, `assess_file` the same for an
open table; `quality_report` shows it as a page. The limits are in ``data.quality`` of project.yaml.
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
