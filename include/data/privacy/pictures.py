"""Masking of pictures and arrays: no metadata, blurred, in large squares."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from include.data.privacy.errors import Unmaskable
from include.projects.content import ArrayContent
from include.projects.masking import Blur, DropMetadata, Pixelate

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

Box = tuple[int, int, int, int]
OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"quality": 95, "method": 4, "exact": True},
    "TIFF": {"compression": "tiff_deflate"},
}
MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I")


def masked_image(content: bytes, rule: DropMetadata | Blur | Pixelate, boxes: Sequence[Sequence[float]] = ()) -> bytes:
    """Return a picture of the same form and size, made of its points alone.

    Args:
        content: the file.
        rule: what is done to its points.
        boxes: parts (x, y, width, height in pixels) that the rule is about; none means all of it.

    Raises:
        Unmaskable: it is no readable picture, or one of several frames.
    """
    from PIL import Image, ImageFile

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content)) as opened:
                if getattr(opened, "n_frames", 1) > 1:
                    raise Unmaskable("a picture of several frames")
                opened.load()
                kind, plain = str(opened.format), _plain(opened)
        plain = _changed(plain, rule, boxes)
        sink = io.BytesIO()
        plain.save(sink, kind, **OPTIONS.get(kind, {}))
    except Unmaskable:
        raise
    except (OSError, ValueError, SyntaxError, KeyError, Image.DecompressionBombError, Image.DecompressionBombWarning) as cause:
        raise Unmaskable(f"a picture that cannot be read or written ({type(cause).__name__})") from None
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False
    return sink.getvalue()


def metadata_of(content: bytes) -> list[str]:
    """Return the names of what a picture holds beside its points and what its form needs."""
    from PIL import Image

    needed = {"jfif", "jfif_version", "jfif_unit", "jfif_density", "dpi", "compression", "transparency", "background"}
    needed |= {"gamma", "interlace", "loop", "duration", "version", "timestamp", "extension", "resolution"}
    with Image.open(io.BytesIO(content)) as opened:
        opened.load()
        return sorted({str(name) for name in opened.info} - needed) + (["exif"] if _exif(opened) else [])


def masked_array(content: bytes, rule: Pixelate, form: ArrayContent) -> bytes:
    """Return an array whose first two dimensions are in squares of one value."""
    import numpy as np

    values = np.frombuffer(content, dtype=form.dtype).reshape(form.shape)
    return _squares(values, rule.size).astype(form.dtype).tobytes()


def _squares(values: np.ndarray, size: int) -> np.ndarray:
    import numpy as np

    made = values.astype("float64")
    for top in range(0, made.shape[0], size):
        for left in range(0, made.shape[1], size):
            square = made[top : top + size, left : left + size]
            square[...] = square.mean(axis=(0, 1))
    return np.rint(made) if np.dtype(values.dtype).kind in "iu" else made


def _plain(opened: Image) -> Image:
    """Return a new picture of the same points; nothing else comes along."""
    from PIL import Image

    if opened.mode not in MODES:
        raise Unmaskable(f"a picture of mode {opened.mode}")
    made = Image.frombytes(opened.mode, opened.size, opened.tobytes())
    if opened.mode == "P" and (palette := opened.getpalette("RGB")):
        made.putpalette(palette)
        if "transparency" in opened.info:
            made.info["transparency"] = opened.info["transparency"]
    return made


def _changed(plain: Image, rule: DropMetadata | Blur | Pixelate, boxes: Sequence[Sequence[float]]) -> Image:
    if isinstance(rule, DropMetadata) or (rule.classes and not boxes):
        return plain
    if plain.mode not in ("L", "LA", "RGB", "RGBA", "CMYK"):
        plain = plain.convert("RGBA" if "transparency" in plain.info else "L" if plain.mode in ("1", "I;16", "I") else "RGB")
    for box in [_inside(one, plain.size) for one in boxes] if boxes else [(0, 0, *plain.size)]:
        if box[0] < box[2] and box[1] < box[3]:
            plain.paste(_masked(plain.crop(box), rule), box)
    return plain


def _masked(part: Image, rule: Blur | Pixelate) -> Image:
    from PIL import Image, ImageFilter

    if isinstance(rule, Blur):
        return part.filter(ImageFilter.GaussianBlur(rule.radius))
    small = (max(1, -(-part.width // rule.size)), max(1, -(-part.height // rule.size)))
    return part.resize(small, Image.Resampling.BOX).resize(part.size, Image.Resampling.NEAREST)


def _inside(box: Sequence[float], size: tuple[int, int]) -> Box:
    x, y, width, height = box
    right, bottom = -int(-(x + width) // 1), -int(-(y + height) // 1)
    return max(0, int(x)), max(0, int(y)), min(size[0], right), min(size[1], bottom)


def _exif(opened: Image) -> bool:
    # A TIFF describes its points by the same tags.
    return opened.format != "TIFF" and bool(opened.getexif())
