"""Windows and series in a profile: how values go over time, trend, season, autocorrelation and gaps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from include.explore.book import Book, drawn, panels
from include.explore.measuring import NUMBERS, Measures
from include.projects import Project
from include.reports import table
from include.reports.letters import spelt
from include.training.drawing import BLUE, GREY, ORANGE

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from include.explore.reading import Drawn

FEWEST, MOST = 24, 1000  # points of a series that is taken apart; of more, means of equal stretches are taken
WINDOWS = 8  # that are drawn
SERIES = 4  # of a table or window
GAP = 1.5  # times the usual distance
STRENGTH = 0.3  # of a peak of the autocorrelation that counts as a season


def measure(contents: Any) -> Measures:
    """Take the figures of windows (n, time) or (n, time, series), or of other arrays: mean, deviation, first, last, slope."""
    import numpy as np
    import pandas as pd

    values = np.asarray(contents, dtype=np.float64)
    count = values.shape[2] if values.ndim == 3 else 1
    lines = values.reshape(len(values), -1, count) if values.ndim <= 3 else values.reshape(len(values), -1, 1)
    found: dict[str, np.ndarray] = {}
    time = np.arange(lines.shape[1]) - (lines.shape[1] - 1) / 2
    for one in range(count):
        line, behind = lines[:, :, one], f" {one}" if count > 1 else ""
        found |= {f"mean{behind}": line.mean(1), f"deviation{behind}": line.std(1), f"last{behind}": line[:, -1]}
        if len(time) > 1:
            found[f"slope{behind}"] = (line * time).sum(1) / (time**2).sum()
    return Measures(pd.DataFrame(found), dict.fromkeys(found, "number"))


def tell(book: Book, project: Project, sample: Drawn, measures: Measures) -> None:
    """Write the section that draws some windows."""
    import numpy as np

    values = np.asarray(sample.contents, dtype=np.float64)
    if not len(values) or values.ndim > 3:
        return
    lines = values if values.ndim == 3 else values[..., np.newaxis]
    count = min(lines.shape[2], SERIES)
    with panels(count, 2, 4.4, 2.2) as (figure, axes):
        for one in range(count):
            axes[one].plot(lines[:WINDOWS, :, one].T, linewidth=0.9)
            axes[one].set(title=f"series {one}" if lines.shape[2] > 1 else "windows")
        book.add("Windows", f"The first {min(WINDOWS, len(lines))} of the sample.", book.plot("windows", drawn(figure)))


def over_time(book: Book, project: Project, sample: Drawn, measures: Measures) -> None:
    """Write the section about how the label and numbers go over the time that items were taken at."""
    import pandas as pd

    times = pd.Series(pd.to_datetime(sample.rows["taken_at"].to_pandas(), utc=True))
    if times.nunique() < FEWEST:
        return
    given: dict[str, Any] = {}
    if project.task == "regression":
        given["label"] = pd.to_numeric(pd.Series(sample.labels), errors="coerce")
    given |= {name: measures.frame[name] for name in measures.of_type(*NUMBERS)}
    rows = []
    for name in list(given)[:SERIES]:
        line = evened(times, pd.to_numeric(given[name], errors="coerce").astype("float64"))
        if len(line) < FEWEST or line.std() == 0:
            continue
        period, peak = season(line.to_numpy())
        told = {"points": len(line), "step": str(line.index[1] - line.index[0]), "period": period, "autocorrelation": peak}
        content, more = _apart(name, line, period)
        told |= more
        rows.append((name, told["points"], told["step"], period or "none", round(peak, 3), told["trend"], told.get("seasonal")))
        book.facts.setdefault("series", {})[name] = told
        book.plot(f"series_{len(rows)}", content)
    if rows:
        from include.reports import image

        head = ("column", "points", "step", "season, in steps", "its autocorrelation", "strength of trend", "of season")
        plots = [image(book.plots[f"series_{place + 1}"], row[0], "plot") for place, row in enumerate(rows)]
        book.add("Over time", table(head, rows), *plots)
    if sample.whole:
        _gaps(book, times.dropna())


def evened(times: pd.Series, values: pd.Series) -> pd.Series:
    """Return values at equal distances of time: means of stretches, short gaps filled in between."""
    import pandas as pd

    line = pd.Series(values.to_numpy(), index=pd.DatetimeIndex(times)).dropna()
    line = line[line.index.notna()].sort_index().groupby(level=0).mean()
    if len(line) < 3:
        return line
    usual = max(pd.Series(line.index).diff().median(), pd.Timedelta(1, "us"))
    step = max(usual, (line.index[-1] - line.index[0]) / MOST)
    return line.resample(step, origin="start").mean().interpolate(limit=5).dropna()


def season(values: np.ndarray) -> tuple[int | None, float]:
    """Return the first strong peak of the autocorrelation after the trend is taken out, in steps, and its height."""
    import numpy as np
    from scipy.signal import detrend, find_peaks
    from statsmodels.tsa.stattools import acf

    most = min(len(values) // 3, 400)
    found = acf(detrend(values), nlags=most, fft=True)
    peaks, _ = find_peaks(found, height=STRENGTH)
    peaks = peaks[peaks > 1]
    if not len(peaks):
        return None, float(np.max(found[1:], initial=0))
    best = int(peaks[np.argmax(found[peaks])])
    return best, float(found[best])


def _apart(name: str, line: pd.Series, period: int | None) -> tuple[bytes, dict[str, Any]]:
    """Draw a series with its trend and season by STL, and return how strong both are (Hyndman and others)."""
    import numpy as np
    from statsmodels.tsa.seasonal import STL
    from statsmodels.tsa.stattools import acf

    made = STL(line.to_numpy(), period=period or max(2, len(line) // 10)).fit()
    rest = np.var(made.resid)
    trend = max(0.0, 1 - rest / max(np.var(made.trend + made.resid), 1e-30))
    told = {"trend": round(float(trend), 3)}
    if period:
        told["seasonal"] = round(float(max(0.0, 1 - rest / max(np.var(made.seasonal + made.resid), 1e-30))), 3)
    with panels(3 if period else 2, 3, 3.8, 2.1) as (figure, axes):
        axes[0].plot(line.index, line.to_numpy(), color=GREY, linewidth=0.7)
        axes[0].plot(line.index, made.trend, color=ORANGE, linewidth=1.3)
        axes[0].set(title=f"{spelt([name])[0]} and its trend")
        axes[0].tick_params(axis="x", rotation=30)
        lags = acf(line.to_numpy(), nlags=min(len(line) // 2, max(3 * (period or 10), 30)), fft=True)
        axes[1].bar(range(len(lags)), lags, width=0.6, color=BLUE)
        axes[1].set(title="autocorrelation", xlabel="steps")
        if period:
            axes[2].plot(np.arange(2 * period), made.seasonal[: 2 * period], color=BLUE)
            axes[2].set(title="season, twice", xlabel="steps")
        return drawn(figure), told


def _gaps(book: Book, times: pd.Series) -> None:
    import pandas as pd

    every = pd.Series(times.sort_values().unique())
    apart = every.diff().dropna()
    usual = apart.median()
    wide = apart[apart > GAP * usual]
    rows = [(str(every[place - 1]), str(every[place]), str(apart[place])) for place in wide.nlargest(10).index]
    told = f"Items are usually {usual} apart; {len(wide)} of {len(apart)} distances are more than {GAP} times that."
    book.facts["gaps"] = {"usual": str(usual), "gaps": len(wide)}
    book.number("gaps", len(wide))
    book.add("Gaps", told, table(("from", "to", "apart"), rows) if rows else "")
