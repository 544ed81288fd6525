"""What the demo shows while it runs and at the end, and the summary it leaves."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.status import Status
from rich.table import Table

SKELETON: dict[str, Any] = {
    "steps": [],
    "accuracy": {},
    "four_way": {},
    "latency_ms": {},
    "drift": {},
    "drift_to_trigger_s": None,
    "switch_s": None,
    "rollback_s": None,
    "failed_requests": None,
    "releases": [],
    "urls": {},
    "total_s": None,
}


class Show:
    """Prints each step with its time and collects the numbers of the summary.

    Args:
        path: where summary.json goes; it is written anew after every step.
        console: where to print.
    """

    def __init__(self, path: Path, console: Console | None = None) -> None:
        self.path = path
        self.console = console or Console(highlight=False)
        self.summary: dict[str, Any] = json.loads(json.dumps(SKELETON))
        self._begun = time.monotonic()

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Show one step; its state is ``ok``, or ``failed`` where the block raises."""
        begun = time.monotonic()
        step = Step(self.console, name, begun)
        state = "failed"
        try:
            with step.status:
                yield step
            state = "ok"
        finally:
            seconds = time.monotonic() - begun
            mark = "[green]✔[/]" if state == "ok" else "[red]✘[/]"
            self.console.print(f"{mark} {name:<44} {seconds:7.1f} s  {step.result}", soft_wrap=True)
            self.summary["steps"].append({"name": name, "seconds": round(seconds, 2), "state": state})
            self.save()

    def save(self) -> None:
        """Write the summary as it stands, whole or not at all."""
        self.summary["total_s"] = round(time.monotonic() - self._begun, 1)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=self.path.parent, delete=False, encoding="utf-8") as file:
            json.dump(self.summary, file, indent=2, ensure_ascii=False)
        Path(file.name).replace(self.path)

    def table(self) -> None:
        """Print the closing table."""
        s = self.summary
        table = Table(title="One turn of the loop", show_header=False, title_justify="left")
        table.add_column(style="bold")
        table.add_column()
        for release in s["releases"]:
            table.add_row(
                release["id"], f"model version {release['model_version']}, data {release['data']}, {release['digest'][:19]}…"
            )
        for name, value in s["accuracy"].items():
            table.add_row(f"accuracy: {name}", f"{value:.4f}")
        for cell, result in s["four_way"].get("cells", {}).items():
            table.add_row(
                f"four-way: {cell.replace('_', ' on ')} data",
                f"{result['accuracy']:.3f}  [{result['low']:.3f} … {result['high']:.3f}]  n={result['n']}",
            )
        if s["four_way"]:
            table.add_row("four-way: decision", f"{s['four_way']['decision']}: {'; '.join(s['four_way']['reasons'])}")
        for name, value in s["latency_ms"].items():
            table.add_row(f"latency {name}", f"{value:.2f} ms")
        for name, value in s["drift"].items():
            table.add_row(f"drift: {name}", f"{value:.3f}" if isinstance(value, float) else str(value))
        for key, text in (
            ("drift_to_trigger_s", "first drifted request to retraining run"),
            ("switch_s", "switch to the new release"),
            ("rollback_s", "roll back"),
        ):
            if s[key] is not None:
                table.add_row(text, f"{s[key]:.2f} s")
        table.add_row("requests failed or mixed while switching", f"{s['failed_requests']}")
        table.add_row("total", f"{s['total_s']:.0f} s")
        self.console.print(table)
        for name, url in s["urls"].items():
            self.console.print(f"  {name:<16} {url}", soft_wrap=True)


class Step:
    """One step while it runs: what it is doing now, and in the end what came out."""

    def __init__(self, console: Console, name: str, begun: float) -> None:
        self.console, self.name, self.begun = console, name, begun
        self.result = ""
        self._last = ""
        self._said: set[str] = set()
        self.status = Status(f"{name} …", console=console)

    def now(self, text: str) -> None:
        """Say what the step does now; where nothing moves on a screen, print it once."""
        self.status.update(f"{self.name}: {text} ({time.monotonic() - self.begun:.0f} s)")
        if not self.console.is_terminal and text != self._last:
            self.console.print(f"    {text}", soft_wrap=True)
        self._last = text

    def say(self, text: str) -> None:
        """Print a line that must stay on the screen, such as an address to open; the same line once."""
        if text not in self._said:
            self._said.add(text)
            self.console.print(f"  → {text}", soft_wrap=True)
