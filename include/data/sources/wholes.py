"""Files that are items as a whole: arrays, images, sounds, videos and texts; or videos whose pictures are the items."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from include.data import forms, media
from include.data.arrays import exact, size
from include.data.items import Item
from include.data.sources.records import Records
from include.projects.content import ArrayContent, Content, Files, TextContent, VideoContent
from include.projects.sources import FilesSource

MAX_VIDEO = 1 << 30  # bytes of a video that frames are taken of
HEADER = 64 << 10  # bytes that a .npy or image file may have beyond its item


class WholeFiles:
    """Makes items of whole files; what is no item is noted and left out.

    Args:
        spec: format, and what label, group and time are.
        form: the form of an item.
        records: keeps account.
    """

    def __init__(self, spec: FilesSource, form: Content, records: Records) -> None:
        self.spec, self.form, self.source, self.findings = spec, form, records.source, records.findings

    def items(self, file: Any, path: str, length: int, more: dict[str | None, Any]) -> Iterator[Item]:
        """Yield the item that a file is, or the pictures of a video.

        Args:
            file: open for reading.
            path: its path below the folder.
            length: bytes.
            more: values of ``@folder`` and ``@modified``.
        """
        if self.spec.frame_every_s is not None:
            yield from self._frames(file, path, length, more)
        else:
            yield from self._whole(file, path, length, more)

    def _whole(self, file: Any, path: str, length: int, more: dict[str | None, Any]) -> Iterator[Item]:
        try:
            content = self._content(file, length)
        except ValueError as cause:
            self._reject(path, str(cause))
            return
        self.findings.rows += 1
        yield self._made(path, content, more)

    def _frames(self, file: Any, path: str, length: int, more: dict[str | None, Any]) -> Iterator[Item]:
        """Yield pictures of a video, each an item; a damaged video gives none."""
        if length > MAX_VIDEO:
            self._reject(path, f"it has {length} bytes, more than {MAX_VIDEO}")
            return
        content = bytes(file.read())
        if problem := media.problem(content, VideoContent(kind="video", max_bytes=MAX_VIDEO)):
            self._reject(path, problem)
            return
        try:
            for seconds, picture in media.frames(content, every_s=self.spec.frame_every_s):
                key = f"{path}#t={seconds:.3f}"
                try:
                    found = self._picture(picture)
                except ValueError as cause:
                    self._reject(key, str(cause))
                    continue
                self.findings.rows += 1
                yield self._made(key, found, more)
        except media.MediaError as cause:
            self._reject(f"{path} from where it breaks off", str(cause))

    def _picture(self, picture: bytes) -> bytes:
        if isinstance(self.form, ArrayContent):
            return self._image(io.BytesIO(picture), self.form)
        if problem := forms.check(picture, self.form):
            raise ValueError(problem)
        return picture

    def _made(self, key: str, content: bytes, more: dict[str | None, Any]) -> Item:
        names = (self.spec.label, self.spec.group, self.spec.taken_at)
        label, group, moment = (more.get(name) if name else None for name in names)
        return Item(key, content, label, moment, self.source, group)

    def _content(self, file: Any, length: int) -> bytes:
        """Return the item that a file is.

        Raises:
            ValueError: it is none.
        """
        if not isinstance(self.form, ArrayContent):
            if isinstance(self.form, Files) and length > self.form.max_bytes:  # before it is read
                raise ValueError(f"it has {length} bytes, more than {self.form.max_bytes}")
            if isinstance(self.form, TextContent):
                return self._text(file, length, self.form)
            content = bytes(file.read())
            if problem := forms.check(content, self.form):
                raise ValueError(problem)
            return content
        if self.spec.format == "raw":
            if length != size(self.form):
                raise ValueError(f"it has {length} bytes, wanted {size(self.form)}")
            return bytes(file.read())
        if self.spec.format == "image":
            return self._image(file, self.form)
        import numpy as np

        if length > 2 * 8 * size(self.form) + HEADER:
            raise ValueError(f"it has {length} bytes, far more than an item of shape {self.form.shape}")
        try:
            array = np.load(io.BytesIO(file.read()), allow_pickle=False)
        except (ValueError, EOFError, OSError, SyntaxError, MemoryError) as cause:
            raise ValueError(f"it is no readable .npy file: {type(cause).__name__}") from cause
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "iufb":
            raise ValueError("it is no array of numbers")
        return exact(array, self.form)

    def _text(self, file: Any, length: int, form: TextContent) -> bytes:
        if length > 4 * form.max_chars + 4:
            raise ValueError(f"it has {length} bytes, more than {form.max_chars} characters can have")
        try:
            said = bytes(file.read()).decode(self.spec.charset).removeprefix("\ufeff")
        except UnicodeError as cause:
            raise ValueError(f"it is no valid {self.spec.charset}") from cause
        return forms.encode(said, form)

    def _image(self, file: Any, form: ArrayContent) -> bytes:
        import numpy as np
        from PIL import Image

        shape = form.shape
        mode = "L" if len(shape) == 2 else {1: "L", 3: "RGB", 4: "RGBA"}.get(shape[-1]) if len(shape) == 3 else None
        if mode is None or form.dtype != "uint8":
            raise ValueError(f"images are items of dtype uint8 and shape [height, width] or [height, width, 3], not {shape}")
        try:
            with Image.open(file) as image:
                if (image.height, image.width) != tuple(shape[:2]):  # before a single pixel is unpacked
                    raise ValueError(f"it is {image.height} x {image.width} pixels, wanted {shape[0]} x {shape[1]}")
                return np.asarray(image.convert(mode), dtype=np.uint8).tobytes()
        except (OSError, SyntaxError, Image.DecompressionBombError) as cause:
            if isinstance(cause, OSError) and cause.errno is not None:
                raise
            raise ValueError(f"it is no readable image: {type(cause).__name__}") from cause

    def _reject(self, where: str, why: str) -> None:
        self.findings.rows += 1
        self.findings.reject(where, why)
