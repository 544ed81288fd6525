from .assessment import Assessment, assess, assess_file, assess_table
from .history import Earlier, earlier
from .report import quality_report

__all__ = ["Assessment", "Earlier", "assess", "assess_file", "assess_table", "earlier", "quality_report"]
