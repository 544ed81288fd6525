"""Images, audio and video: whole ones are described and shown, damaged and hostile ones are named."""

from __future__ import annotations

import http.server
import io
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from include.data import media
from include.projects.content import ArrayContent, AudioContent, ImageContent, TextContent, VideoContent
from tests.fixtures.media import image, sound, video

IMAGE = ImageContent(kind="image", formats=["png", "jpeg", "gif", "webp", "tiff", "bmp"])
AUDIO, VIDEO = AudioContent(kind="audio"), VideoContent(kind="video")


@pytest.mark.parametrize("fmt", ["PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP"])
def test_an_image(fmt: str) -> None:
    content = image(fmt)
    assert media.problem(content, IMAGE) is None
    about = media.describe(content, IMAGE)
    assert (about["format"], about["width"], about["height"], about["bytes"]) == (fmt.lower(), 40, 20, len(content))
    with Image.open(io.BytesIO(media.thumbnail(content, IMAGE, 10))) as small:
        assert small.size == (10, 5) and small.format == "PNG"


@pytest.mark.parametrize("fmt", ["PNG", "JPEG", "WEBP", "TIFF", "BMP"])
def test_a_broken_image(fmt: str) -> None:
    content = image(fmt, (200, 200))
    for broken in (content[: len(content) // 2], content[:30], b"", b"\x00" * 500):
        assert media.problem(broken, IMAGE)
    with pytest.raises(ValueError):
        media.thumbnail(content[:30], IMAGE)


def test_an_image_that_is_not_what_the_project_wants() -> None:
    only = ImageContent(kind="image", formats=["png"], min_side=16, max_side=64)
    assert media.problem(image("JPEG"), only) == "it is no readable image of format png"
    assert media.problem(image(size=(40, 8)), only) == "it is 40 x 8 pixels, wanted sides from 16 to 64"
    assert media.problem(image(size=(65, 20)), only) == "it is 65 x 20 pixels, wanted sides from 16 to 64"


def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 12_000, 12_000, 8, 0, 0, 0, 0))
    content = b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\x00" * 1000)) + chunk(b"IEND", b"")
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda self: pytest.fail("it was unpacked"))
    assert media.problem(content, IMAGE) == "it is 12000 x 12000 pixels, more than 100000000 in all"
    huge = content.replace(struct.pack(">II", 12_000, 12_000), struct.pack(">II", 60_000, 60_000))
    assert media.problem(huge, IMAGE)


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "1", "I;16", "CMYK"])
def test_thumbnails_of_every_mode(mode: str) -> None:
    content = image("TIFF" if mode in ("CMYK", "I;16") else "PNG", mode="L" if mode == "I;16" else mode)
    first = media.thumbnail(content, IMAGE, 32)
    assert first == media.thumbnail(content, IMAGE, 32)
    with Image.open(io.BytesIO(first)) as small:
        assert small.mode == "RGB" and max(small.size) == 32


@pytest.mark.parametrize(
    ("shape", "size"), [([8, 8], (128, 128)), ([3, 20, 40], (120, 60)), ([20, 40, 3], (120, 60)), ([50], (128, 128))]
)
def test_arrays_are_shown(shape: list[int], size: tuple[int, int]) -> None:
    content = np.arange(np.prod(shape), dtype=np.float32).tobytes()
    form = ArrayContent(dtype="float32", shape=shape, range=(0, float(np.prod(shape))))
    with Image.open(io.BytesIO(media.thumbnail(content, form))) as small:
        assert small.size == size


def test_what_has_no_picture() -> None:
    with pytest.raises(ValueError, match="text has no picture"):
        media.thumbnail("글".encode(), TextContent(kind="text"))
    with pytest.raises(ValueError, match=r"shape \[2, 3, 4, 5\] has no picture"):
        media.thumbnail(bytes(120), ArrayContent(shape=[2, 3, 4, 5], range=(0, 1)))


@pytest.mark.parametrize(("codec", "fmt"), [("libx264", "mp4"), ("mpeg4", "avi"), ("libvpx", "webm"), ("mpeg4", "matroska")])
def test_a_video(codec: str, fmt: str) -> None:
    content = video(codec, fmt)
    assert media.problem(content, VIDEO) is None
    about = media.describe(content, VIDEO)
    assert (about["seconds"], about["width"], about["height"], about["frames"], about["sound"]) == (3.0, 64, 48, 30, None)
    found = list(media.frames(content, every_s=1))
    assert [time for time, _ in found] == [0.0, 1.0, 2.0] and found == list(media.frames(content, every_s=1))
    greys = [int(np.asarray(Image.open(io.BytesIO(png)))[20, 20, 0]) for _, png in found]
    assert all(abs(grey - wanted) < 12 for grey, wanted in zip(greys, (0, 70, 140), strict=True)), greys
    assert len(list(media.frames(content, count=4))) == 4
    assert media.problem(content[: len(content) // 2], VIDEO) and media.problem(content[:100], VIDEO)
    assert media.problem(content, VideoContent(kind="video", max_seconds=1)) == "it is longer than 1 s"
    assert media.thumbnail(content, VIDEO) == media.thumbnail(content, VIDEO)


@pytest.mark.parametrize(
    "codec_fmt", [("pcm_s16le", "wav"), ("flac", "flac"), ("libmp3lame", "mp3"), ("aac", "mp4"), ("libopus", "ogg")]
)
def test_a_sound(codec_fmt: tuple[str, str]) -> None:
    content = sound(*codec_fmt)
    assert media.problem(content, AUDIO) is None
    about = media.describe(content, AUDIO)
    assert about["seconds"] == pytest.approx(2, abs=0.05) and about["rate"] == 48000 and about["channels"] == 1
    assert media.problem(content, AudioContent(kind="audio", max_seconds=1)) == "it is longer than 1 s"
    assert media.problem(content, VIDEO)
    if codec_fmt[1] != "ogg":  # whose pages do not say how many there will be
        assert media.problem(content[: len(content) // 2], AUDIO)


def test_every_damage_is_a_sentence_and_never_a_crash() -> None:
    makers: list[tuple[Callable[[], bytes], Any]] = [(video, VIDEO), (sound, AUDIO), (lambda: image("JPEG"), IMAGE)]
    random = np.random.default_rng(3)
    for make, form in makers:
        whole = make()
        for _ in range(40):
            broken = bytearray(whole)
            for place in random.integers(0, len(whole), 20):
                broken[place] = int(random.integers(0, 256))
            said = media.problem(bytes(broken[: int(random.integers(1, len(broken) + 1))]), form)
            assert said is None or (isinstance(said, str) and len(said) < 300)


@pytest.fixture
def web() -> Iterator[tuple[str, list[str]]]:
    """Give the address of a server on this machine that has a video, and the list of paths that were asked of it."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            content = video(fmt="mpegts")
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/secret.ts", asked
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    "list_of_others",
    [
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:10\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:10,\n{}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '{}'\n",
    ],
)
def test_no_file_can_name_another(
    tmp_path: Path, web: tuple[str, list[str]], list_of_others: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    secret = tmp_path / "secret.ts"
    secret.write_bytes(video(fmt="mpegts"))
    for address in (web[0], str(secret), secret.as_uri(), secret.name):
        for form in (VIDEO, AUDIO):
            assert media.problem(list_of_others.format(address).encode(), form)
    assert web[1] == []


def test_frames_asks_for_one_way() -> None:
    for wrong in ({}, {"every_s": 1, "count": 2}, {"every_s": 0}, {"count": -1}):
        with pytest.raises(ValueError, match="every_s or count"):
            list(media.frames(b"", **wrong))
    with pytest.raises(media.MediaError, match="empty"):
        list(media.frames(b"", every_s=1))
