"""Sources: where rounds come from. One reader a kind, and each gives items behind a high-water mark.

A reader is made for one collection. Its ``items()`` yields what is new, a record at a time; when all were taken, its
``mark`` lies behind the last, its ``findings`` hold what the source looked like, and ``objects()`` gives what belongs
beside the round so that the next collection knows what was taken. ``pending()`` tells what is new without taking it.
A new kind is one model in `include.projects.sources`, one reader here and one line in `open_reader`.
"""

from include.data.sources.base import Findings, Mark, Past, Pending, Reader, drift
from include.data.sources.joint import Sources, pending, source_name
from include.data.sources.readers import open_reader, source_names

__all__ = [
    "Findings",
    "Mark",
    "Past",
    "Pending",
    "Reader",
    "Sources",
    "drift",
    "open_reader",
    "pending",
    "source_name",
    "source_names",
]
