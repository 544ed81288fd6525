"""Sound and video files: opened, and measured by what is in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from include.data import media
from include.data.quality.columns import Measured
from include.data.quality.lots import Lot
from include.projects.content import AudioContent, VideoContent

if TYPE_CHECKING:
    import numpy as np

LENGTH = (Measured("bytes", "integer"), Measured("seconds", "number"))
SOUND = (*LENGTH, Measured("rate", "integer"), Measured("channels", "integer"))
VIDEO = (*LENGTH, Measured("width", "integer"), Measured("height", "integer"))


class FileReader:
    """Measures sound and video files.

    Args:
        form: what a file must be.
    """

    def __init__(self, form: AudioContent | VideoContent) -> None:
        self.form = form
        self.measured = (*(SOUND if isinstance(form, AudioContent) else VIDEO), Measured("format", "category"))

    def read(self, contents: Sequence[bytes | None]) -> Lot:
        """Open each file; one that is damaged is unreadable."""
        import pyarrow as pa

        found: list[dict[str, Any]] = []
        lot = Lot({})
        for place, content in enumerate(contents):
            try:
                found.append(media.describe(content or b"", self.form))
            except media.MediaError as cause:
                lot.unreadable[place] = str(cause)
                found.append({"bytes": len(content or b"")})
        for one in self.measured:
            type_ = {"integer": pa.int64(), "number": pa.float64()}.get(one.type, pa.string())
            lot.arrays[one.name] = pa.array([each.get(one.name) for each in found], type_)
        return lot

    def close(self, first: np.ndarray, second: np.ndarray, similarity: float) -> np.ndarray:
        """Not asked: there are no signatures."""
        raise NotImplementedError

    def bands(self, signatures: np.ndarray, similarity: float) -> np.ndarray:
        """Not asked: there are no signatures."""
        raise NotImplementedError
