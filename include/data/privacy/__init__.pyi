from .approve import record_sample_approval, require_sample_approval
from .check import check_sample
from .detect import Found, find_personal
from .errors import MaskingError, MaskingRefused, SampleNotApproved
from .report import approval_markdown
from .sample import make_sample, masking_report, remake_sample

__all__ = [
    "Found",
    "MaskingError",
    "MaskingRefused",
    "SampleNotApproved",
    "approval_markdown",
    "check_sample",
    "find_personal",
    "make_sample",
    "masking_report",
    "record_sample_approval",
    "remake_sample",
    "require_sample_approval",
]
