"""Privacy: what of ops data may be seen in dev, masked, measured and approved.

`make_sample` masks a sample by the project's rules and writes it to a branch of dev with its report; `check_sample`
checks it there; a person answers, `record_sample_approval` keeps the answer; `require_sample_approval` lets the merge
go on only with an approval of exactly these bytes. `find_personal` finds personal data in any text.
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
