"""Images, audio and video: is a file whole, what is in it, and how it looks.

Files come from outside, so nothing in them is believed: sizes are looked at before pixels are unpacked.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from include.data.clips import MAX_PIXELS, MediaError, frames, png, walk
from include.projects.content import ArrayContent, AudioContent, Content, ImageContent, VideoContent

if TYPE_CHECKING:
    from PIL import Image


def problem(content: bytes, form: Content) -> str | None:
    """Return what is wrong with an image, sound or video file; None where it is whole and of that form.

    An image is unpacked as a whole; so is a sound, up to ``max_seconds``. Of a video every packet is read and every
    key frame unpacked.
    """
    try:
        if isinstance(form, ImageContent):
            with _image(content, form) as image:
                image.load()
        elif isinstance(form, AudioContent | VideoContent):
            walk(content, form)
    except MediaError as cause:
        return str(cause)
    except (OSError, SyntaxError, ValueError, OverflowError, ArithmeticError, LookupError, MemoryError) as cause:
        return f"the {form.kind} is damaged: {type(cause).__name__}"
    return None


def describe(content: bytes, form: Content) -> dict[str, Any]:
    """Return what is in a file.

    Returns:
        ``kind``, ``bytes``, and of an image ``format``, ``width``, ``height`` (pixels) and ``mode``; of a sound
        ``format``, ``codec``, ``seconds``, ``rate`` (samples a second) and ``channels``; of a video ``format``,
        ``codec``, ``seconds``, ``width``, ``height``, ``frames`` and ``sound`` (codec or None); of an array ``dtype`` and
        ``shape``.

    Raises:
        MediaError: it is no such file.
    """
    about: dict[str, Any] = {"kind": form.kind, "bytes": len(content)}
    if isinstance(form, ImageContent):
        with _image(content, form) as image:
            return {
                **about,
                "format": str(image.format).lower(),
                "width": image.width,
                "height": image.height,
                "mode": image.mode,
            }
    if isinstance(form, AudioContent | VideoContent):
        try:
            return {**about, **walk(content, form)}
        except (OSError, ValueError, ArithmeticError, LookupError) as cause:
            raise cause if isinstance(cause, MediaError) else MediaError(f"the {form.kind} is damaged") from cause
    return {**about, "dtype": form.dtype, "shape": form.shape} if isinstance(form, ArrayContent) else about


def thumbnail(content: bytes, form: Content, side: int = 128) -> bytes:
    """Return a small picture of an item as PNG, at most ``side`` pixels wide and high; equal items give equal bytes.

    Small images are shown in whole multiples of their size, arrays of one dimension as a curve, of a video its middle.

    Raises:
        MediaError: the file is damaged.
        ValueError: nothing of that form can be shown as a picture.
    """
    from PIL import Image, ImageOps

    if isinstance(form, ArrayContent):
        return png(_fit(_array_image(content, form, side), side))
    if isinstance(form, VideoContent):
        found = next(frames(content, count=1), None)
        if found is None:
            raise MediaError("the video has no picture")
        content = found[1]
        form = ImageContent(kind="image", formats=["png"])
    if not isinstance(form, ImageContent):
        raise ValueError(f"content of kind {form.kind} has no picture")
    try:
        with _image(content, form) as image:
            image.draft("RGB", (2 * side, 2 * side))
            turned = ImageOps.exif_transpose(image)
            if turned.mode in ("RGBA", "LA", "PA") or "transparency" in turned.info:
                seen = turned.convert("RGBA")
                ground = Image.new("RGBA", seen.size, "white")
                turned = Image.alpha_composite(ground, seen)
            elif turned.mode.startswith("I") or turned.mode == "F":
                turned = ImageOps.autocontrast(turned.convert("F").convert("L"))
            return png(_fit(turned.convert("RGB"), side))
    except (OSError, SyntaxError, OverflowError) as cause:
        raise MediaError(f"the image is damaged: {type(cause).__name__}") from cause


@contextmanager
def _image(content: bytes, form: ImageContent) -> Iterator[Image.Image]:
    """Give an image whose header fits the form; its pixels are not unpacked yet."""
    from PIL import Image

    if not content:
        raise MediaError("the file is empty")
    try:
        with warnings.catch_warnings(action="ignore"):  # of many pixels and odd tags; the limits below are ours
            image = Image.open(io.BytesIO(content), formats=[name.upper() for name in form.formats])
    except Image.DecompressionBombError as cause:
        raise MediaError(f"it has more than {MAX_PIXELS} pixels") from cause
    except (OSError, SyntaxError, ValueError, OverflowError, LookupError) as cause:
        raise MediaError(f"it is no readable image of format {' or '.join(form.formats)}") from cause
    with image:
        size = f"{image.width} x {image.height} pixels"
        if min(image.size) < form.min_side or max(image.size) > form.max_side:
            raise MediaError(f"it is {size}, wanted sides from {form.min_side} to {form.max_side}")
        if image.width * image.height > MAX_PIXELS:
            raise MediaError(f"it is {size}, more than {MAX_PIXELS} in all")
        yield image


def _array_image(content: bytes, form: ArrayContent, side: int) -> Image.Image:
    import numpy as np
    from PIL import Image

    array = np.frombuffer(content, dtype=form.dtype).reshape(form.shape).astype(np.float64)
    low, high = form.range
    grey = np.nan_to_num((np.clip(array, low, high) - low) / ((high - low) or 1.0))
    if grey.ndim == 3 and grey.shape[0] in (1, 3, 4) and grey.shape[-1] not in (1, 3, 4):
        grey = np.moveaxis(grey, 0, -1)
    if grey.ndim == 3 and grey.shape[-1] == 1:
        grey = grey[..., 0]
    if grey.ndim == 1:
        return _curve(grey, side)
    if not (grey.ndim == 2 or (grey.ndim == 3 and grey.shape[-1] in (3, 4))):
        raise ValueError(f"an array of shape {form.shape} has no picture")
    return Image.fromarray((grey * 255).round().astype(np.uint8)).convert("RGB")


def _curve(values: Any, side: int) -> Image.Image:
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (side, side), "white")
    across = (side - 1) / max(len(values) - 1, 1)
    points = [(place * across, (1 - float(value)) * (side - 1)) for place, value in enumerate(values)]
    ImageDraw.Draw(image).line(points if len(points) > 1 else points * 2, fill="black")
    return image


def _fit(image: Image.Image, side: int) -> Image.Image:
    from PIL import Image

    if max(image.size) * 2 <= side:
        times = side // max(image.size)
        return image.resize((image.width * times, image.height * times), Image.Resampling.NEAREST)
    image = image.copy()
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    return image


__all__ = ["MediaError", "describe", "frames", "problem", "thumbnail"]
