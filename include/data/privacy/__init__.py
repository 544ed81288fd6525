"""Privacy: what of ops data may be seen in dev, masked, measured and approved.

`make_sample` masks a sample by the project's rules and writes it to a branch of dev with its report; `check_sample`
checks it there; a person answers, `record_sample_approval` keeps the answer; `require_sample_approval` lets the merge
go on only with an approval of exactly these bytes. `find_personal` finds personal data in any text.
"""

from include.data.privacy.approve import record_sample_approval, require_sample_approval
from include.data.privacy.check import check_sample
from include.data.privacy.detect import Found
from include.data.privacy.detect import find as find_personal
from include.data.privacy.errors import MaskingError, MaskingRefused, SampleNotApproved
from include.data.privacy.report import approval_markdown
from include.data.privacy.sample import make_sample, masking_report, remake_sample

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
