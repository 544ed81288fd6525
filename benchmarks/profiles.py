"""The profile of a version, beside what a user would run without the product, in one run; prints JSON.

``python benchmarks/profiles.py`` writes two versions as rounds are kept (Parquet, one JSON row or text an item): ``--rows``
rows of 30 columns (numbers, whole numbers, categories, texts, a time; missing values), and ``--texts`` texts in Korean and
English. It profiles each, every one in a process of its own:

* ours: `include.explore.look` and the HTML page: exact counts over all items, figures of a sample of 20,000 by seed
  (distributions, outliers, relations, mutual information with the label, frequent tokens, scripts, ...);
* pandas, of the table: all rows read with pyarrow, then ``describe(include="all")``, the correlation of numbers, and a
  histogram of each number: no relations of names, nothing of the label, no page;
* pandas, of the texts: all texts, length in characters and words, the most frequent words, and a histogram;
* skrub, of the table, where it is installed: all rows, then its ``TableReport`` as HTML.

``ratio`` is our wall time by theirs, ``cpu_ratio`` the same of processor time, which other work on the machine changes
less; ``memory_ratio`` our peak by theirs: the resident set of the process, pages of mapped files among it. ``half`` is
ours of half of the items: memory must not grow with them.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

NUMBERS, WHOLE, CATEGORIES, TEXTS = 16, 5, 6, 2
CHOICES = ["서울", "부산", "Daegu", "Incheon"]
WORDS = ["배송이", "늦어요", "환불", "신청", "주문", "번호", "확인", "부탁", "the", "parcel", "is", "late", "please", "refund"]
LOT = 10_000


def columns() -> dict[str, Any]:
    found: dict[str, Any] = {f"n{i}": {"type": "number", "max_missing": 0.1} for i in range(NUMBERS)}
    found |= {f"i{i}": {"type": "integer"} for i in range(WHOLE)}
    found |= {f"c{i}": {"type": "category", "choices": CHOICES} for i in range(CATEGORIES)}
    return {**found, **{f"t{i}": {"type": "text"} for i in range(TEXTS)}, "at": {"type": "time"}}


def project(kind: str) -> Any:
    """Return a project of such items, which keeps data alone."""
    from include.projects import Project, load_project

    raw = load_project("digits").model_dump(exclude_unset=True)
    content = {"kind": "table", "columns": columns()} if kind == "table" else {"kind": "text", "max_chars": 2000}
    source = {"kind": "files", "url": "source", "glob": "*.csv", "format": "csv", "key": "id", "label": "y", "taken_at": "at"}
    raw["data"] = {"source": source | ({} if kind == "table" else {"content": "body"}), "content": content}
    raw["domain"], raw["classes"] = "tabular" if kind == "table" else "language", ["가", "b", "c"]
    return Project(**{name: value for name, value in raw.items() if name != "training"})


def write(path: Path, kind: str, count: int) -> None:
    """Write the round."""
    import numpy as np
    import orjson
    import pyarrow as pa
    import pyarrow.parquet as pq

    from include.data.items import item_ids

    random, form = np.random.default_rng(1), project(kind).data.content
    strings = [(name, pa.string()) for name in ("item_id", "key", "label", "source")]
    schema = pa.schema([*strings, ("content", pa.large_binary()), ("taken_at", pa.timestamp("us", "UTC"))])
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for begin in range(0, count, LOT):
            size = min(LOT, count - begin)
            contents = [orjson.dumps(row) for row in rows(random, size, begin)] if kind == "table" else texts(random, size, begin)
            named = [str(begin + place) for place in range(size)]
            times = (1767225600 + 60 * np.arange(begin, begin + size)) * 1_000_000
            labels = [["가", "b", "c"][one] for one in random.integers(0, 3, size)]
            arrays = [item_ids(contents, form), named, labels, ["sql:시험"] * size, contents, times]
            writer.write_table(
                pa.Table.from_arrays([pa.array(a, f.type) for a, f in zip(arrays, schema, strict=True)], schema=schema)
            )


def rows(random: Any, size: int, begin: int) -> list[dict[str, Any]]:
    values: list[list[Any]] = []
    for _ in range(NUMBERS):
        gone = random.random(size) < 0.03
        values.append([None if no else one for one, no in zip(random.normal(size=size).round(6).tolist(), gone, strict=True)])
    values += [random.integers(0, 1000, size).tolist() for _ in range(WHOLE)]
    values += [[CHOICES[one] for one in random.integers(0, 4, size)] for _ in range(CATEGORIES)]
    values += [[f"고객 메모 {one}" for one in random.integers(0, 10**6, size)] for _ in range(TEXTS)]
    values += [[f"2026-01-{day:02d}T09:00:00.{begin + n:06d}+00:00"[:32] for n, day in enumerate(random.integers(1, 28, size))]]
    return [dict(zip(columns(), row, strict=True)) for row in zip(*values, strict=True)]


def texts(random: Any, size: int, begin: int) -> list[bytes]:
    lengths = random.integers(5, 40, size)
    return [f"{begin + n} {' '.join(random.choice(WORDS, length))}".encode() for n, length in enumerate(lengths)]


def ours(path: Path, kind: str) -> dict[str, Any]:
    """Profile the round with the page."""
    from include.data import tables, versions
    from include.explore import look, reading
    from include.reports import page
    from include.settings import Settings

    @contextmanager
    def opened(*_: Any) -> Any:
        import pyarrow.parquet as pq

        with pq.ParquetFile(path, memory_map=True) as file:
            yield file

    # The file lies here already: no data server is part of what is measured, nor of what the others do.
    piece = {"repository": "bench-dev", "zone": "dev", "commit": "c", "round": 1}
    versions.document = lambda *_: {"pieces": [piece]}  # type: ignore[assignment]
    tables.items.opened = opened  # type: ignore[assignment]
    reading._split = lambda *_: None  # type: ignore[assignment]
    from include.explore import texts as about

    about.tokens_of = lambda *_: ("words", about.terms)  # type: ignore[assignment]
    ref = {"repository": "bench-dev", "zone": "dev", "commit": "c", "version": "v1"}
    settings = Settings(data_dev_access_key="a", data_dev_secret_key="b")
    book, drawn = look(settings, project(kind), ref, tell=lambda _: None)
    html = page("profile", book.sections)
    return {
        "items": drawn.counts.items,
        "sample": drawn.rows.num_rows,
        "sections": len(book.sections),
        "page_kib": len(html) // 1024,
    }


def frame(path: Path) -> Any:
    """Read the table as a user does: contents as JSON rows."""
    import io

    import pyarrow as pa
    import pyarrow.json as pj
    import pyarrow.parquet as pq

    contents = pq.read_table(path, columns=["content"])["content"].to_pylist()
    raw = b"\n".join(contents)
    return pj.read_json(io.BytesIO(raw), pj.ReadOptions(block_size=16 << 20)).to_pandas() if contents else pa.table({})


def pandas_table(path: Path) -> dict[str, Any]:
    """Describe the table."""
    import numpy as np

    whole = frame(path)
    numbers = whole.select_dtypes("number")
    described = whole.describe(include="all")
    related = numbers.corr()
    shapes = [np.histogram(numbers[name].dropna(), 30)[0] for name in numbers]
    return {"items": len(whole), "described": described.shape[1], "related": related.shape[0], "histograms": len(shapes)}


def pandas_text(path: Path) -> dict[str, Any]:
    """Describe the texts."""
    import numpy as np
    import pandas as pd
    import pyarrow.parquet as pq

    said = pd.Series([one.decode() for one in pq.read_table(path, columns=["content"])["content"].to_pylist()])
    words = said.str.split()
    top = words.explode().value_counts().head(20)
    described = pd.DataFrame({"characters": said.str.len(), "words": words.str.len()}).describe()
    return {
        "items": len(said),
        "top": len(top),
        "described": described.shape[1],
        "bins": len(np.histogram(said.str.len(), 30)[0]),
    }


def skrub(path: Path) -> dict[str, Any]:
    """Report on the table."""
    from skrub import TableReport

    whole = frame(path)
    html = TableReport(whole, max_association_columns=30, max_plot_columns=30, verbose=0).html()
    return {"items": len(whole), "page_kib": len(html) // 1024}


WAYS = {
    "ours_table": lambda path: ours(path, "table"),
    "ours_text": lambda path: ours(path, "text"),
    "pandas_table": pandas_table,
    "pandas_text": pandas_text,
    "skrub_table": skrub,
}


def peak() -> int:
    """Return the most memory that this process has held, KiB; what getrusage tells is its parent's where that was more."""
    (line,) = (one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("VmHWM"))
    return int(line.split()[1])


def apart(way: str, path: Path) -> dict[str, Any] | None:
    """Run one way in a process of its own."""
    done = subprocess.run([sys.executable, __file__, "--way", way, "--file", str(path)], capture_output=True, text=True)
    if done.returncode:
        if way.startswith("skrub") and "No module named 'skrub'" in done.stderr:
            return None
        raise SystemExit(f"{way}: {done.stderr[-3000:]}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--rows", type=int, default=1_000_000)
    asked.add_argument("--texts", type=int, default=100_000)
    asked.add_argument("--way", choices=list(WAYS))
    asked.add_argument("--file", type=Path)
    given = asked.parse_args()
    if given.way:
        begin = time.perf_counter()
        told = WAYS[given.way](given.file)
        seconds, used = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_SELF)
        told |= {"seconds": round(seconds, 2), "cpu_s": round(used.ru_utime + used.ru_stime, 2), "mib": peak() // 1024}
        print(json.dumps(told))
        return
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for kind, count in (("table", given.rows), ("text", given.texts)):
            whole, half = Path(folder) / f"{kind}.parquet", Path(folder) / f"{kind}_half.parquet"
            write(whole, kind, count)
            write(half, kind, count // 2)
            found[kind] = {"ours": apart(f"ours_{kind}", whole), "half": apart(f"ours_{kind}", half)}
            for other in ("pandas", "skrub"):
                if f"{other}_{kind}" in WAYS and (theirs := apart(f"{other}_{kind}", whole)):
                    mine = found[kind]["ours"]
                    ratios = {"ratio": mine["seconds"] / theirs["seconds"], "cpu_ratio": mine["cpu_s"] / theirs["cpu_s"]}
                    ratios["memory_ratio"] = mine["mib"] / theirs["mib"]
                    found[kind][other] = theirs | {name: round(value, 2) for name, value in ratios.items()}
    print(json.dumps(found, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
