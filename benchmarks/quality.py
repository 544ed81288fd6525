"""Quality checks of a large table, beside what a user would run without the product, in one run; prints JSON.

``python benchmarks/quality.py`` writes a round of ``--rows`` rows of 30 columns (numbers, whole numbers, categories,
texts, times; missing values, outliers, and some faults) as Parquet with a JSON row an item, as rounds are kept, and
checks it, each in a process of its own:

* ours: `include.data.quality.assess_file` with declared types, ranges, choices, uniqueness, a rule, outliers, personal
  data, near-duplicates, statistics and samples, and the HTML report;
* pandera: rows read with pyarrow, then one schema with types, missing values, ranges, choices and uniqueness;
* evidently: rows read the same way, then its data summary, which describes and checks nothing.

``ratio`` is our time by theirs; ``cpu_s`` is processor time, which other work on the machine changes less. Peak
memory is the resident set of the process, pages of mapped files among it. The checks must find the faults that were
written: the run fails otherwise.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

NUMBERS, WHOLE, CATEGORIES, TEXTS = 14, 5, 6, 3
CHOICES = ["서울", "부산", "Daegu", "Incheon"]
LOT = 10_000
FAULTS = {"value_ranges": 5, "value_choices": 3, "unique_values": 1}


def columns() -> dict[str, Any]:
    found: dict[str, Any] = {f"n{i}": {"type": "number", "range": [-1000, 1000], "max_missing": 0.05} for i in range(NUMBERS)}
    found |= {f"i{i}": {"type": "integer", "range": [0, 999]} for i in range(WHOLE)}
    found |= {f"c{i}": {"type": "category", "choices": CHOICES, "max_missing": 0.05} for i in range(CATEGORIES)}
    found |= {f"t{i}": {"type": "text", "unique": i == 0} for i in range(TEXTS)}
    return {**found, "start": {"type": "time"}, "end": {"type": "time"}}


def write(path: Path, rows: int) -> None:
    """Write the round."""
    import numpy as np
    import orjson
    import pyarrow as pa
    import pyarrow.parquet as pq

    random = np.random.default_rng(1)
    names = list(columns())
    strings = {name: pa.string() for name in ("item_id", "key", "label", "source")}
    schema = pa.schema([*strings.items(), ("content", pa.large_binary()), ("taken_at", pa.timestamp("us", "UTC"))])
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for begin in range(0, rows, LOT):
            count = min(LOT, rows - begin)
            values: list[list[Any]] = []
            for _ in range(NUMBERS):
                column = random.normal(size=count).round(6)
                column[random.random(count) < 0.001] = 500.0
                values.append(
                    [None if gone else one for one, gone in zip(column.tolist(), random.random(count) < 0.02, strict=True)]
                )
            values += [random.integers(0, 1000, count).tolist() for _ in range(WHOLE)]
            values += [[CHOICES[one] for one in random.integers(0, 4, count)] for _ in range(CATEGORIES)]
            values += [[f"T{begin + n:07d}" for n in range(count)]]
            values += [[f"고객 메모 {one} 확인함" for one in random.integers(0, 10**5, count)] for _ in range(TEXTS - 1)]
            days = random.integers(1, 28, count)
            values += [[f"2026-{month}-{day:02d}T09:00:00.000000+00:00" for day in days] for month in ("01", "02")]
            if begin == 0:
                values[0][1:6] = [5000.0] * 5
                values[NUMBERS + WHOLE][7:10] = ["파리"] * 3
                values[NUMBERS + WHOLE + CATEGORIES][11] = "T0000012"
                values[-1][13] = "2025-01-01T00:00:00.000000+00:00"
                values[-3][15] = "전화 010-1234-5678"
            contents = [orjson.dumps(dict(zip(names, row, strict=True))) for row in zip(*values, strict=True)]
            table = {
                "item_id": [hashlib.sha256(one).hexdigest() for one in contents],
                "key": [str(begin + n + 1) for n in range(count)],
                "label": [str(n % 10) for n in range(count)],
                "source": ["bench"] * count,
                "content": contents,
                "taken_at": [None] * count,
            }
            writer.write_table(pa.table(table, schema=schema))


def project() -> Any:
    from include.projects import Project, load_project

    base = load_project("digits").model_dump(mode="json", exclude={"folder", "training", "components", "split"})
    quality = {"rules": [{"name": "in_order", "check": "end >= start"}], "max_personal": 0.0, "max_outliers": 0.01}
    base["data"] = {
        "source": {"kind": "sql", "table": "bench", "label": "label"},
        "content": {"kind": "table", "columns": columns()},
        "quality": quality,
    }
    base["split"] = {"method": "random", "ratios": {"train": 0.8, "validation": 0.1, "test": 0.1}}
    return Project.model_validate({**base, "folder": load_project("digits").folder})


def ours(path: Path) -> dict[str, Any]:
    import pyarrow.parquet as pq

    from include.data import quality

    wanted = project()
    with pq.ParquetFile(path, memory_map=True) as file:
        document = {"kind": "collected", "number": 1, "count": file.metadata.num_rows, "source": "bench", "author": "bench"}
        found = quality.assess_file(file, wanted, document)
    assessed = time.perf_counter()
    html = quality.quality_report(wanted, document, {"ok": False, "checks": found.checks}, found)
    checks = {check["name"]: check for check in found.checks}
    for name, count in FAULTS.items():
        assert not checks[name]["ok"] and checks[name]["value"] == count, checks[name]
    assert checks["rule in_order"]["examples"] == ["14"] and "16" in checks["personal_data"]["examples"], found.checks
    return {"checks": len(found.checks), "report_bytes": len(html), "report_s": round(time.perf_counter() - assessed, 3)}


def frame(path: Path) -> Any:
    """Read the rows as a user would: one file of JSON lines, types inferred by Arrow."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.json as pj
    import pyarrow.parquet as pq

    parts = []
    with pq.ParquetFile(path, memory_map=True) as file:
        for batch in file.iter_batches(100_000, columns=["content"]):
            parts.append(pj.read_json(io.BytesIO(b"\n".join(batch["content"].to_pylist()))))
    found = pa.concat_tables(parts, promote_options="permissive").to_pandas()
    return found.assign(**{name: pd.to_datetime(found[name], utc=True) for name in ("start", "end")})


def pandera(path: Path) -> dict[str, Any]:
    import pandera.pandas as pa

    kinds = {"number": float, "integer": int, "category": "str", "text": "str", "time": None}
    schema = pa.DataFrameSchema(
        {
            name: pa.Column(
                kinds[one["type"]],
                nullable="max_missing" in one,
                unique=one.get("unique", False),
                checks=[pa.Check.in_range(*one["range"])]
                if "range" in one
                else [pa.Check.isin(CHOICES)]
                if "choices" in one
                else [],
            )
            for name, one in columns().items()
        }
    )
    try:
        schema.validate(frame(path), lazy=True)
    except pa.errors.SchemaErrors as errors:
        return {"failures": len(errors.failure_cases)}
    raise AssertionError("pandera found nothing")


def evidently(path: Path) -> dict[str, Any]:
    from evidently import Dataset, Report
    from evidently.presets import DataSummaryPreset

    found = Report([DataSummaryPreset()]).run(Dataset.from_pandas(frame(path)))
    return {"metrics": len(found.dict()["metrics"])}


def measured(name: str, path: Path) -> dict[str, Any]:
    """Run one of them in a process of its own."""
    command = [sys.executable, __file__, "--run", name, "--table", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "DO_NOT_TRACK": "1"})
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr[-3000:]}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--without", nargs="*", default=[], choices=["pandera", "evidently"], help="peers to leave out")
    parser.add_argument("--run", choices=["ours", "pandera", "evidently"], help=argparse.SUPPRESS)
    parser.add_argument("--table", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        begun = time.perf_counter()
        about = {"ours": ours, "pandera": pandera, "evidently": evidently}[options.run](options.table)
        seconds, used = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_SELF)
        cpu = round(used.ru_utime + used.ru_stime, 2)
        print(json.dumps({"seconds": round(seconds, 2), "cpu_s": cpu, "peak_mib": used.ru_maxrss // 1024, **about}))
        return 0
    with tempfile.TemporaryDirectory(prefix="quality-") as folder:
        path = Path(folder) / "items.parquet"
        write(path, options.rows)
        names = [name for name in ("ours", "pandera", "evidently") if name not in options.without]
        found: dict[str, Any] = {name: measured(name, path) for name in names}
    ratios = {name: round(found["ours"]["seconds"] / found[name]["seconds"], 2) for name in names[1:]}
    about = {"rows": options.rows, "columns": len(columns()), "cpus": os.cpu_count(), "goal_s": 60}
    print(json.dumps({**about, **found, "ratio": ratios}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
