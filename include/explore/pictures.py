"""Pictures in a profile: contact sheets of each class, mean and deviation, sizes, brightness and contrast."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from include.data import media_thumbnail
from include.explore.book import Book, drawn, panels, spelt
from include.explore.measuring import LOOKED_AT, Measures
from include.projects.content import ArrayContent, Content, ImageContent
from include.reports import table

if TYPE_CHECKING:
    import numpy as np

    from include.explore.reading import Drawn

SIDE, ACROSS, CLASSES = 72, 12, 20  # pixels of a picture of a sheet, pictures of a class, classes
MEAN_SIDE = 64
