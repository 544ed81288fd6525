"""Pictures varied: arrays and image files, moved by scipy.ndimage and coloured by numpy.

A picture is float64 (height, width, colours) here, whatever its form; that of an image file lies in 0 to 255.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from include.projects.content import ArrayContent, Content, ImageContent

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

MODES = ("L", "LA", "RGB", "RGBA", "I;16")
WIDE = 257  # what a point of 16 bits is divided by to lie in 0 to 255
LOSSLESS = ("png", "webp", "bmp", "tiff")


def step(use: str, asked: Any, form: Content) -> Callable[[np.ndarray, np.random.Generator], np.ndarray]:
    """Return one of `include.projects.augmentation.PICTURE` as a function of a picture and a generator.

    Args:
        use: its name.
        asked: its parameters.
        form: of the items; the range of an array is what shares are of.
    """
    import numpy as np

    low, high = form.range if isinstance(form, ArrayContent) else (0.0, 255.0)
    if use in _MOVES:
        return lambda value, draw: _MOVES[use](value, draw, asked)

    def coloured(value: np.ndarray, draw: np.random.Generator) -> np.ndarray:
        seen = value.shape[2] - (isinstance(form, ImageContent) and value.shape[2] in (2, 4))  # transparency stays
        found = _COLOURS[use](value[..., :seen], draw, asked, high - low)
        return np.concatenate([np.clip(found, low, high), value[..., seen:]], axis=2)

    return coloured


def plane(content: Any, form: ArrayContent) -> np.ndarray:
    """Return an array as its picture; (time,) and (time, series) get axes behind them."""
    import numpy as np

    value = np.asarray(content, dtype=np.float64)
    if value.ndim == 3 and _colours_first(form):
        return np.moveaxis(value, 0, -1)
    return value.reshape(*value.shape, *[1] * (3 - value.ndim))


def as_array(value: np.ndarray, form: ArrayContent) -> np.ndarray:
    """Return a picture as the array that it was: of the form's shape, dtype and range."""
    import numpy as np

    back = np.moveaxis(value, -1, 0) if _colours_first(form) else value.reshape(form.shape)
    inside = np.clip(back, *form.range)
    return (np.rint(inside) if np.dtype(form.dtype).kind in "iu" else inside).astype(form.dtype)


def opened(content: bytes, form: ImageContent) -> np.ndarray:
    """Return an image file as its picture; what is neither grey nor coloured becomes coloured."""
    import numpy as np

    with _image(content, form) as image:
        found = np.asarray(image if image.mode in MODES else image.convert("RGB"))
    plain = found[..., np.newaxis] if found.ndim == 2 else found
    return plain / WIDE if found.dtype == np.uint16 else plain.astype(np.float64)


def as_file(value: np.ndarray, content: bytes, form: ImageContent) -> bytes:
    """Return a picture as a file: of a format without loss where the project has one, turned by EXIF as ``content`` is."""
    import numpy as np
    from PIL import Image

    with _image(content, form) as before:
        kind, exif, wide = str(before.format).lower(), before.info.get("exif"), before.mode == "I;16"
    inside = np.clip(value, 0, 255)
    points = np.rint(inside * WIDE).astype(np.uint16) if wide else np.rint(inside).astype(np.uint8)
    image = Image.fromarray(points[..., 0] if points.shape[2] == 1 else points)
    chosen = next((name for name in LOSSLESS if name in form.formats), kind)
    more: dict[str, Any] = {"exif": exif} if exif and chosen in ("png", "jpeg", "webp", "tiff") else {}
    if chosen == "jpeg":
        image, more = image.convert("L" if points.shape[2] < 3 else "RGB"), {**more, "quality": 95}
    elif chosen == "webp":
        more["lossless"] = True
    sink = io.BytesIO()
    image.save(sink, chosen.upper(), **more)
    return sink.getvalue()


@contextmanager
def _image(content: bytes, form: ImageContent) -> Iterator[Image.Image]:
    from PIL import Image

    with Image.open(io.BytesIO(content), formats=[name.upper() for name in form.formats]) as image:
        yield image


def _colours_first(form: ArrayContent) -> bool:
    """Tell whether an array is (colours, height, width)."""
    shape = form.shape
    return len(shape) == 3 and shape[0] in (1, 3, 4) and shape[-1] not in (1, 3, 4)


def _affine(value: np.ndarray, matrix: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Return a picture whose point p shows what lay at matrix p + offset; beyond its edge the edge goes on."""
    import numpy as np
    from scipy import ndimage

    planes = [ndimage.affine_transform(value[..., one], matrix, offset, order=1, mode="nearest") for one in range(value.shape[2])]
    return np.stack(planes, axis=-1)


def _middle(value: np.ndarray) -> np.ndarray:
    import numpy as np

    return (np.array(value.shape[:2]) - 1) / 2


def _shift(value: np.ndarray, draw: np.random.Generator, asked: Any) -> np.ndarray:
    import numpy as np

    return _affine(value, np.eye(2), draw.uniform(-asked.most, asked.most, 2) * np.array(value.shape[:2]))


def _rotate(value: np.ndarray, draw: np.random.Generator, asked: Any) -> np.ndarray:
    import numpy as np

    angle = np.deg2rad(draw.uniform(-asked.degrees, asked.degrees))
    sine, cosine = np.sin(angle), np.cos(angle)
    matrix = np.array([[cosine, -sine], [sine, cosine]])
    return _affine(value, matrix, _middle(value) - matrix @ _middle(value))


def _flip(value: np.ndarray, draw: np.random.Generator, asked: Any) -> np.ndarray:
    return value[:, ::-1] if asked.axis == "horizontal" else value[::-1]


def _crop(value: np.ndarray, draw: np.random.Generator, asked: Any) -> np.ndarray:
    import numpy as np

    size = draw.uniform(asked.least, 1)
    place = draw.uniform(-1, 1, 2) * (1 - size) * _middle(value)
    return _affine(value, np.diag([size, size]), _middle(value) * (1 - size) + place)


def _noise(value: np.ndarray, draw: np.random.Generator, asked: Any, width: float) -> np.ndarray:
    return value + draw.normal(0, asked.deviation * width, value.shape)


def _brightness(value: np.ndarray, draw: np.random.Generator, asked: Any, width: float) -> np.ndarray:
    return value + draw.uniform(-asked.most, asked.most) * width


def _contrast(value: np.ndarray, draw: np.random.Generator, asked: Any, width: float) -> np.ndarray:
    mean = value.mean()
    return mean + (value - mean) * (1 + draw.uniform(-asked.most, asked.most))


def _cutout(value: np.ndarray, draw: np.random.Generator, asked: Any, width: float) -> np.ndarray:
    found, height, across = value.copy(), value.shape[0], value.shape[1]
    side = max(1, round(asked.size * min(height, across)))
    for _ in range(asked.count):
        top, left = int(draw.integers(0, height - side + 1)), int(draw.integers(0, across - side + 1))
        found[top : top + side, left : left + side] = value.mean(axis=(0, 1))
    return found


_MOVES: dict[str, Callable[[np.ndarray, np.random.Generator, Any], np.ndarray]] = {
    "shift": _shift,
    "rotate": _rotate,
    "flip": _flip,
    "crop": _crop,
}
_COLOURS: dict[str, Callable[[np.ndarray, np.random.Generator, Any, float], np.ndarray]] = {
    "noise": _noise,
    "brightness": _brightness,
    "contrast": _contrast,
    "cutout": _cutout,
}
