"""Appending lines durably and reading them from any position."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from include.inference import segments as module
from include.inference.segments import PredictionLogError, SegmentWriter, end_position, read_lines, segment_path, segments


@pytest.fixture
def writer(tmp_path: Path):
    writer = SegmentWriter(tmp_path / "log", "p", segment_bytes=30)
    yield writer
    writer.close()


def lines(writer: SegmentWriter, start=(1, 0)) -> list[bytes]:
    return [line for line, _ in read_lines(writer.folder, "p", start)]


def test_segments_roll_and_positions_seek(writer: SegmentWriter) -> None:
    written = [b"line %02d" % n for n in range(20)]
    for line in written:
        writer.write(line + b"\n")
    assert len(segments(writer.folder, "p")) == 7  # three lines of 8 bytes fit below 30
    found = list(read_lines(writer.folder, "p"))
    assert [line for line, _ in found] == written
    for n, (_, position) in enumerate(found):
        assert lines(writer, position) == written[n + 1 :]
    assert end_position(writer.folder, "p") == found[-1][1]


def test_earlier_segments_are_not_opened(writer: SegmentWriter) -> None:
    for n in range(10):
        writer.write(b"line %02d\n" % n)
    segment_path(writer.folder, "p", 1).unlink()
    segment_path(writer.folder, "p", 2).write_bytes(b"")
    assert lines(writer, (3, 0)) == [b"line 06", b"line 07", b"line 08", b"line 09"]
    assert lines(writer, (1, 8))[0] == b"line 06"  # a removed segment is passed over


def test_a_torn_tail_is_neither_read_nor_kept(writer: SegmentWriter) -> None:
    writer.write(b"whole\n")
    writer.close()
    with segment_path(writer.folder, "p", 1).open("ab") as file:
        file.write(b"tor")
    assert lines(writer) == [b"whole"]
    assert end_position(writer.folder, "p") == (1, 6)
    writer.write(b"next\n")
    assert segment_path(writer.folder, "p", 1).read_bytes() == b"whole\n"
    assert lines(writer) == [b"whole", b"next"]
    assert end_position(writer.folder, "p") == (2, 5)


def test_a_tail_longer_than_one_look_back(writer: SegmentWriter) -> None:
    writer.folder.mkdir()
    segment_path(writer.folder, "p", 1).write_bytes(b"a\n" + b"x" * 200_000)
    assert end_position(writer.folder, "p") == (1, 2)


def test_a_line_longer_than_one_chunk(writer: SegmentWriter) -> None:
    long = b"y" * (module.CHUNK * 2 + 5)
    writer.write(long + b"\n" + b"short\n")
    assert lines(writer) == [long, b"short"]


def test_an_unfinished_line_is_read_once_it_is_whole(writer: SegmentWriter) -> None:
    writer.write(b"one\n")
    path = segment_path(writer.folder, "p", 1)
    with path.open("ab", buffering=0) as file:
        file.write(b"tw")
        found = list(read_lines(writer.folder, "p"))
        assert [line for line, _ in found] == [b"one"]
        file.write(b"o\n")
    assert lines(writer, found[-1][1]) == [b"two"]


def test_full_disk_leaves_no_half_line_and_recovers(writer: SegmentWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    writer.write(b"one\n")
    real = os.write

    def full(descriptor: int, data: bytes) -> int:
        if len(data) > 2:
            return real(descriptor, bytes(data[:2]))
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    for _ in range(3):
        with pytest.raises(PredictionLogError, match=r"No space left.*free disk space"):
            writer.write(b"two\n")
    monkeypatch.setattr(os, "write", real)
    assert lines(writer) == [b"one"]
    writer.write(b"three\n")
    assert lines(writer) == [b"one", b"three"]
    assert segments(writer.folder, "p") == [1, 2]


def test_a_failed_flush_is_not_acknowledged(writer: SegmentWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    writer.write(b"one\n")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", lambda _: (_ for _ in ()).throw(OSError(errno.EIO, "Input/output error")))
        with pytest.raises(PredictionLogError, match="Input/output error"):
            writer.write(b"two\n")
    writer.write(b"three\n")
    assert lines(writer) == [b"one", b"three"]


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    writer = SegmentWriter(tmp_path / "file" / "log", "p")
    with pytest.raises(PredictionLogError, match=re.escape(str(tmp_path / "file" / "log"))):
        writer.write(b"x\n")


def test_a_removed_log_is_begun_again(writer: SegmentWriter) -> None:
    writer.write(b"one\n")
    for path in writer.folder.iterdir():
        path.unlink()
    writer.folder.rmdir()
    writer.write(b"two\n")
    assert lines(writer) == [b"two"]


def test_only_one_process_writes(writer: SegmentWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        "import sys, time; from pathlib import Path; from include.inference.segments import SegmentWriter\n"
        "w = SegmentWriter(Path(sys.argv[1]), 'p'); w.write(b'other\\n'); print('up', flush=True); time.sleep(60)"
    )
    other = subprocess.Popen([sys.executable, "-c", code, str(writer.folder)], stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout is not None and other.stdout.readline() == "up\n"
        monkeypatch.setattr(module, "LOCK_WAIT_S", 0.1)
        with pytest.raises(PredictionLogError, match=f"process {other.pid} writes this log already"):
            writer.write(b"mine\n")
    finally:
        other.kill()
        other.wait()
    writer.write(b"mine\n")
    assert lines(writer) == [b"other", b"mine"]
