"""Sounds and videos in a profile: duration, rate, loudness, a few waves and frames."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from include.data.clips import waveform
from include.data.media import describe
from include.explore.book import Book, drawn, panels
from include.explore.measuring import LOOKED_AT, Measures
from include.explore.pictures import sheets
from include.projects import Project
from include.projects.content import AudioContent, Content, VideoContent
from include.reports import bars
from include.reports.letters import spelt
from include.training.drawing import BLUE

if TYPE_CHECKING:
    from include.explore.reading import Drawn

WAVES, POINTS = 6, 1200  # sounds that are drawn, points of one
SILENCE = 1e-6  # amplitude that counts as none: -120 dB


def measure(form: Content, contents: Sequence[bytes]) -> Measures:
    """Take the figures of sounds (seconds, rate, channels, loudness and peak in dBFS) or of videos.

    Loudness is heard in the first `LOOKED_AT` sounds of the sample.
    """
    import numpy as np
    import pandas as pd

    rows: list[dict[str, Any]] = []
    waves = []
    for place, content in enumerate(contents):
        row = describe(content, form)
        if isinstance(form, AudioContent) and place < LOOKED_AT:
            rate, samples = waveform(content, form.max_seconds)
            strength, peak = float(np.sqrt(np.mean(samples**2))), float(np.abs(samples).max())
            row |= {"loudness": _decibel(strength), "peak": _decibel(peak)}
            if place < WAVES:
                waves.append((rate, samples[:: max(1, len(samples) // POINTS)], len(samples) / rate))
        rows.append(row)
    types = {"seconds": "number", "bytes": "integer"}
    if isinstance(form, VideoContent):
        types |= {"width": "integer", "height": "integer", "frames": "integer", "codec": "category"}
    else:
        types |= {"rate": "integer", "channels": "integer", "loudness": "number", "peak": "number", "format": "category"}
    return Measures(pd.DataFrame(rows, columns=list(types)), types, more={"waves": waves})


def tell(book: Book, project: Project, sample: Drawn, measures: Measures) -> None:
    """Write the sections about sounds or videos."""
    form, frame = project.data.content, measures.frame
    if isinstance(form, VideoContent):
        sheets(book, project, sample)
        return
    rates = Counter(
        f"{rate:,.0f} Hz, {channels:g} channels" for rate, channels in zip(frame["rate"], frame["channels"], strict=True)
    )
    book.add("Sounds", f"{frame['seconds'].sum() / 60:,.1f} minutes in the sample.", bars(dict(rates.most_common(10))))
    if waves := measures.more["waves"]:
        keys = spelt(sample.rows["key"].to_pylist()[: len(waves)], 30)
        with panels(len(waves), 3, 3.4, 1.6) as (figure, axes):
            for one, (_, samples, seconds), key in zip(axes, waves, keys, strict=True):
                one.plot([place * seconds / len(samples) for place in range(len(samples))], samples, color=BLUE, linewidth=0.6)
                one.set(title=key, ylim=(-1, 1), xlabel="s")
            book.add("Waves", "The first sounds of the sample.", book.plot("waves", drawn(figure)))


def _decibel(amplitude: float) -> float:
    import math

    return 20 * math.log10(max(amplitude, SILENCE))
