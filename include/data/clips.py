"""Audio and video through FFmpeg: read to the end, described, and looked at.

Files come from outside, so only media formats are opened, and never the formats of FFmpeg that are lists of other files
or addresses.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from include.projects.content import AudioContent, VideoContent

if TYPE_CHECKING:
    import numpy as np
    from av.container import InputContainer

MAX_PIXELS = 100_000_000  # of one picture: 400 MB unpacked
AUDIO_FORMATS = "wav,w64,flac,ogg,mp3,aac,mov,mp4,matroska,webm,aiff,caf,amr"
VIDEO_FORMATS = "mov,mp4,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,ogg,asf"
EPSILON_S = 1e-6


class MediaError(ValueError):
    """A file that is no readable image, sound or video; the message says why, without its content."""


def walk(content: bytes, form: AudioContent | VideoContent) -> dict[str, Any]:
    """Read a sound or video to its end and return what it is."""
    formats = AUDIO_FORMATS if isinstance(form, AudioContent) else VIDEO_FORMATS
    with _opened(content, form.kind, formats, strict=True) as (container, stream):
        about = {"format": container.format.name.partition(",")[0], "codec": stream.codec_context.codec.name}
        if isinstance(form, AudioContent):
            _riff(content)
            return {**about, **_sound(container, stream, form.max_seconds)}
        width, height = stream.codec_context.width, stream.codec_context.height
        sounds = (one.codec_context for one in container.streams if one.type == "audio")
        sound = next((context.codec.name for context in sounds if context), None)
        return {**about, "width": width, "height": height, **_pictures(container, stream, form.max_seconds), "sound": sound}


def frames(content: bytes, every_s: float | None = None, count: int | None = None) -> Iterator[tuple[float, bytes]]:
    """Yield pictures of a video, the same ones each time.

    Args:
        content: the file.
        every_s: one picture every so many seconds, the first at the beginning.
        count: or so many, at equal distances, each in the middle of its stretch.

    Yields:
        Seconds from the beginning, and the picture as PNG.

    Raises:
        ValueError: neither or both of ``every_s`` and ``count`` are given, or they are not above 0.
        MediaError: it is no readable video.
    """
    if (every_s is None) == (count is None) or (every_s or count or 0) <= 0:
        raise ValueError("frames takes every_s or count, above 0")
    step = every_s or 0.0
    first = 0.0
    if count is not None:
        step = walk(content, VideoContent(kind="video", max_seconds=float("inf")))["seconds"] / count
        first = step / 2
    with _opened(content, "video", VIDEO_FORMATS) as (container, stream):
        begin, wanted, place, last = None, first, 0, None
        for frame in container.decode(stream):
            now = float(frame.time) if frame.time is not None else 0.0
            begin = now if begin is None else begin
            last = (now - begin, frame)
            if now - begin + EPSILON_S < wanted:
                continue
            yield round(now - begin, 6), png(frame.to_image())
            place += 1
            if place == count:
                return
            while wanted <= now - begin + EPSILON_S:  # a picture stands for itself once, however far the next is
                wanted += step
        if place == 0 and last is not None:
            yield round(last[0], 6), png(last[1].to_image())


def waveform(content: bytes, most_s: float) -> tuple[int, np.ndarray]:
    """Return a sound as its rate (samples a second) and its samples, the mean of its channels, -1 to 1, float32 (n,).

    Args:
        content: the file.
        most_s: seconds; what comes later is left out.

    Raises:
        MediaError: it is no readable sound.
    """
    import av
    import numpy as np

    with _opened(content, "audio", AUDIO_FORMATS) as (container, stream):
        rate = int(stream.codec_context.sample_rate)
        even = av.AudioResampler(format="fltp", rate=rate)
        found: list[np.ndarray] = []
        held = 0
        for frame in container.decode(stream):
            for one in even.resample(frame):
                found.append(one.to_ndarray().mean(axis=0))
                held += len(found[-1])
            if held >= most_s * rate:
                break
    if not held:
        raise MediaError("it holds no sound")
    return rate, np.concatenate(found)[: int(most_s * rate)].astype(np.float32)


def _sound(container: InputContainer, stream: Any, most: float) -> dict[str, Any]:
    rate, samples, channels = 0, 0, 0
    for frame in container.decode(stream):
        rate, channels = rate or frame.sample_rate, channels or frame.layout.nb_channels
        samples += frame.samples
        if samples > most * max(rate, 1):
            raise MediaError(f"it is longer than {most:g} s")
    if not samples:
        raise MediaError("it holds no sound")
    _whole(container, samples / rate)
    return {"seconds": round(samples / rate, 6), "rate": rate, "channels": channels}


def _pictures(container: InputContainer, stream: Any, most: float) -> dict[str, Any]:
    stream.codec_context.skip_frame = "NONKEY"
    begin, end, packets, shown = None, 0.0, 0, 0
    for packet in container.demux(stream):
        if packet.is_corrupt:
            raise MediaError("a part of the video is damaged")
        if packet.size:
            packets += 1
            if packet.pts is not None:
                now = float(packet.pts * packet.time_base)
                begin = now if begin is None else min(begin, now)
                end = max(end, now + float((packet.duration or 0) * packet.time_base))
        if end - (begin or 0.0) > most:
            raise MediaError(f"it is longer than {most:g} s")
        shown += len(packet.decode())
    if not shown:
        raise MediaError("no picture of the video can be read")
    seconds = end - (begin or 0.0)
    _whole(container, seconds)
    return {"seconds": round(seconds, 6), "frames": packets}


def _whole(container: InputContainer, seconds: float) -> None:
    """Make sure that a file is not much shorter than it says: a copy that broke off."""
    said = (container.duration or 0) / 1_000_000
    if said - seconds > max(1.0, 0.1 * said):
        raise MediaError(f"it breaks off: {seconds:.1f} of {said:.1f} s are there")


def _riff(content: bytes) -> None:
    """Make sure that a WAV file is as long as its head says; FFmpeg takes what is there."""
    said = int.from_bytes(content[4:8], "little") + 8
    if content[:4] == b"RIFF" and said < 0xFFFFFFFF and said > len(content) + 1:
        raise MediaError(f"it breaks off: {len(content)} of {said} bytes are there")


@contextmanager
def _opened(content: bytes, kind: str, formats: str, strict: bool = False) -> Iterator[tuple[InputContainer, Any]]:
    """Give a container and its first stream of a kind; what FFmpeg finds wrong later becomes a `MediaError` too."""
    try:
        import av
    except ImportError as cause:
        raise RuntimeError(f"items of kind {kind} need the package av: install what requirements.txt names") from cause

    if not content:
        raise MediaError("the file is empty")
    # Without these lists a playlist among the items would make FFmpeg open the files and addresses that it names.
    options = {"format_whitelist": formats, "protocol_whitelist": "none"}
    try:
        with av.open(io.BytesIO(content), "r", options=options, metadata_errors="replace") as container:
            streams = [one for one in container.streams if one.type == kind and not _cover(one)]
            if not streams:
                raise MediaError(f"it holds no {kind}")
            context: Any = streams[0].codec_context
            if context is None:
                raise MediaError(f"its {kind} has a codec that is not known")
            if kind == "video" and context.width * context.height > MAX_PIXELS:
                raise MediaError(f"it is {context.width} x {context.height} pixels, more than {MAX_PIXELS} in all")
            context.thread_type = "NONE"
            context.options = {"max_pixels": str(MAX_PIXELS), **({"err_detect": "explode"} if strict else {})}
            yield container, streams[0]
    except av.ArgumentError as cause:
        raise MediaError(f"it is no {kind} file of a known format") from cause
    except av.FFmpegError as cause:
        raise MediaError(f"it is no readable {kind} file: {cause.strerror or type(cause).__name__}") from cause


def _cover(stream: Any) -> bool:
    """Tell whether a stream is the cover picture of a sound file."""
    return "attached_pic" in str(getattr(stream, "disposition", "")).lower()


def png(image: Any) -> bytes:
    """Return an image of Pillow as PNG."""
    sink = io.BytesIO()
    image.save(sink, "PNG", compress_level=6)
    return sink.getvalue()
