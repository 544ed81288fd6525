"""Quality: what a round's data is like, beyond what every round must hold.

`assess` looks at a round and tells; `assess_table` is what the checks of a round call, `assess_file` the same for an
open table; `quality_report` shows it as a page. The limits are in ``data.quality`` of project.yaml.
"""

from include.data.quality.assessment import Assessment, assess, assess_file, assess_table
from include.data.quality.history import Earlier, earlier
from include.data.quality.report import quality_report

__all__ = ["Assessment", "Earlier", "assess", "assess_file", "assess_table", "earlier", "quality_report"]
