"""Masks in the forms that tools write them: run lengths of COCO and of Label Studio, polygons, pixels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

MAX_PIXELS = 100_000_000  # of one mask
SIZES = (3, 4, 8, 16)  # bits of a run's length in what this module writes; what it reads says its own


def from_counts(counts: Sequence[int], height: int, width: int) -> np.ndarray:
    """Return a mask, bool (height, width), from COCO's run lengths: column by column, pixels outside first.

    Raises:
        ValueError: they do not add up to the image.
    """
    import numpy as np

    _fits(height, width)
    if any(isinstance(n, bool) or not isinstance(n, int) or n < 0 for n in counts) or sum(counts) != height * width:
        raise ValueError(f"the run lengths do not add up to {height} x {width} pixels")
    values = np.arange(len(counts)) % 2 == 1
    return np.repeat(values, counts).reshape(width, height).T


def to_counts(mask: np.ndarray) -> list[int]:
    """Return COCO's run lengths of a mask (height, width)."""
    import numpy as np

    flat = np.asarray(mask, dtype=bool).T.reshape(-1)
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    runs = np.diff(np.concatenate([[0], edges, [flat.size]])).tolist()
    return [0, *runs] if flat.size and flat[0] else runs


def from_brush(rle: Sequence[int], height: int, width: int) -> np.ndarray:
    """Return a mask, bool (height, width), from what Label Studio's brush writes: packed runs of RGBA pixels.

    Raises:
        ValueError: it is cut off, or of another size.
    """
    import numpy as np

    _fits(height, width)
    try:
        bits = np.unpackbits(np.asarray(rle, dtype=np.int64).astype(np.uint8))
    except (TypeError, OverflowError, ValueError) as cause:
        raise ValueError("the brush's bytes are none") from cause
    text, place = bits.astype(np.uint8).tobytes().translate(bytes([48, 49]) + bytes(range(2, 256))).decode(), 0

    def read(count: int) -> int:
        nonlocal place
        if place + count > len(text):
            raise ValueError("the brush's bytes are cut off")
        found = int(text[place : place + count], 2)
        place += count
        return found

    total, word = read(32), read(5) + 1
    if total != height * width * 4:
        raise ValueError(f"the brush painted {total // 4} pixels, wanted {height} x {width}")
    sizes = [read(4) + 1 for _ in range(4)]
    out, at = np.zeros(total, dtype=np.uint8), 0
    while at < total:
        same = read(1)
        end = at + 1 + read(sizes[read(2)])
        if end > total:
            raise ValueError("the brush painted more pixels than the image has")
        if same:
            out[at:end] = min(read(word), 255)
        else:
            out[at:end] = [min(read(word), 255) for _ in range(end - at)]
        at = end
    return out.reshape(height, width, 4)[..., 3] > 0


def to_brush(mask: np.ndarray) -> list[int]:
    """Return a mask (height, width) as Label Studio's brush writes it."""
    import numpy as np

    values = np.repeat(np.where(np.asarray(mask, dtype=bool), 255, 0).astype(np.uint8).reshape(-1), 4)
    edges = np.concatenate([[0], np.flatnonzero(values[1:] != values[:-1]) + 1, [values.size]]).tolist()
    parts = [f"{values.size:032b}", f"{7:05b}", *(f"{size - 1:04b}" for size in SIZES)]
    for begin, end in pairwise(edges):
        value, left = int(values[begin]), end - begin
        while left:
            length = min(left, 1 << SIZES[-1])
            which = next(n for n, size in enumerate(SIZES) if length - 1 < 1 << size)
            parts.append(f"1{which:02b}{length - 1:0{SIZES[which]}b}{value:08b}")
            left -= length
    text = "".join(parts)
    text += "0" * (-len(text) % 8)
    return [int(text[at : at + 8], 2) for at in range(0, len(text), 8)]


def from_polygon(points: Sequence[tuple[float, float]], height: int, width: int) -> np.ndarray:
    """Return the mask, bool (height, width), of a polygon with corners (x, y) in pixels: the pixels whose middle is inside.

    Raises:
        ValueError: it has fewer than three corners, or one that is not finite.
    """
    import numpy as np

    _fits(height, width)
    corners = np.asarray(points, dtype=np.float64)
    if len(points) < 3 or not np.isfinite(corners).all():
        raise ValueError("a polygon needs at least three corners with finite places")
    (x, y), (to_x, to_y) = corners.T, np.roll(corners, -1, axis=0).T
    mask = np.zeros((height, width), dtype=bool)
    for row in range(max(0, int(y.min())), min(height, int(y.max()) + 1)):
        middle = row + 0.5
        cut = (y <= middle) != (to_y <= middle)
        crossed = np.sort(x[cut] + (middle - y[cut]) * (to_x[cut] - x[cut]) / (to_y[cut] - y[cut]))
        edges = np.clip(np.ceil(crossed - 0.5), 0, width).astype(np.int64)
        for begin, end in zip(edges[::2], edges[1::2], strict=True):
            mask[row, begin:end] ^= True
    return mask


def box_of(mask: np.ndarray) -> list[float]:
    """Return the smallest box [x, y, width, height] around a mask, zeros where it is empty."""
    import numpy as np

    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return [0.0, 0.0, 0.0, 0.0]
    left, top = int(columns[0]), int(rows[0])
    return [float(left), float(top), float(columns[-1] - left + 1), float(rows[-1] - top + 1)]


def _fits(height: int, width: int) -> None:
    if height < 1 or width < 1 or height * width > MAX_PIXELS:
        raise ValueError(f"an image of {height} x {width} pixels is none, or too large")
