"""Image files: opened to their last byte, measured, and hashed by what they look like."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

from include.data import media
from include.data.quality.columns import Measured
from include.data.quality.lots import Lot
from include.data.times import text
from include.projects.content import ImageContent

if TYPE_CHECKING:
    import numpy as np

WHOLE = tuple(Measured(name, "integer") for name in ("width", "height", "bytes"))
REAL = tuple(Measured(name, "number") for name in ("brightness", "contrast"))
SIDE = 8
# What Pillow raises about broken files, beside its own DecompressionBombError.
BROKEN = (OSError, SyntaxError, ValueError, ArithmeticError, LookupError, TypeError, MemoryError, struct.error)


class ImageReader:
    """Measures images.

    Args:
        form: the formats that count as images.
    """

    measured = (*WHOLE, *REAL, Measured("format", "category"))

    def __init__(self, form: ImageContent) -> None:
        self.form = form

    def read(self, contents: Sequence[bytes | None]) -> Lot:
        """Open each image whole; one that breaks off is unreadable."""
        import numpy as np
        import pyarrow as pa

        lot = Lot({}, signatures=np.zeros((len(contents), 8 + SIDE * SIDE), np.uint8))
        rows: list[tuple[Any, ...]] = []
        sizes: list[tuple[int, int] | None] = []
        for place, content in enumerate(contents):
            try:
                row, lot.signatures[place] = look(content or b"", self.form)  # type: ignore[index]
            except BROKEN as cause:
                lot.unreadable[place] = f"no whole image: {text(cause)[:80] or type(cause).__name__}"
                row = (None, None, len(content or b""), None, None, None)
            rows.append(row)
            sizes.append((row[1], row[0]) if row[0] else None)
        found = list(zip(*rows, strict=True)) or [()] * len(self.measured)
        types = [pa.int64()] * 3 + [pa.float64()] * 2 + [pa.string()]
        lot.arrays = {one.name: pa.array(values, type_) for one, values, type_ in zip(self.measured, found, types, strict=True)}
        lot.contexts = sizes
        return lot

    def close(self, first: np.ndarray, second: np.ndarray, similarity: float) -> np.ndarray:
        """Tell whether two images have almost the same hash, and almost the same grey values apart from brightness."""
        import numpy as np

        bits = np.bitwise_count(first[:, :8] ^ second[:, :8]).sum(axis=1)
        grey = first[:, 8:].astype(np.float32) - second[:, 8:]
        grey -= grey.mean(axis=1, keepdims=True)
        return (bits <= 64 * (1 - similarity)) & (np.abs(grey).mean(axis=1) <= 255 * (1 - similarity) / 2)

    def bands(self, signatures: np.ndarray, similarity: float) -> np.ndarray:
        """Return every pair of the eight bytes of the hash: six bits that differ leave one pair untouched."""
        import numpy as np

        hashes = signatures[:, :8].astype(np.uint64)
        return np.stack([hashes[:, i] << np.uint64(8) | hashes[:, j] for i, j in combinations(range(8), 2)], axis=1)


def look(content: bytes, form: ImageContent) -> tuple[tuple[Any, ...], np.ndarray]:
    """Return the measures of an image, and its signature: perceptual hash (8 bytes) and grey thumbnail (64 bytes).

    Raises:
        OSError: it is no whole image; or another of `BROKEN`.
    """
    import imagehash
    import numpy as np
    from PIL import Image, ImageStat

    try:
        opened = Image.open(io.BytesIO(content), formats=[name.upper() for name in form.formats])
    except Image.DecompressionBombError as cause:
        raise ValueError("it has too many pixels") from cause
    with opened as image:
        width, height, name = image.width, image.height, str(image.format).lower()
        if width * height > media.MAX_PIXELS:
            raise ValueError(f"{width} x {height} pixels are too many")
        grey = image.convert("L")  # unpacks it to its last byte
    values = ImageStat.Stat(grey)
    small = grey.resize((SIDE * 4, SIDE * 4), Image.Resampling.LANCZOS)
    bits = imagehash.phash(small, hash_size=SIDE).hash
    thumbnail = small.resize((SIDE, SIDE), Image.Resampling.BOX)
    seen = np.concatenate([np.packbits(bits.ravel()), np.asarray(thumbnail, np.uint8).ravel()])
    return (width, height, len(content), values.mean[0], values.stddev[0], name), seen
