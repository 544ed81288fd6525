"""Run the whole loop on the local platform and leave the platform running.

``python -m include.local.demo``, or ``make demo``; ``HUMAN=1 make demo`` waits for real approvers.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from rich.console import Console

from include.clients.airflow import AirflowError
from include.errors import FinalError
from include.local.demo.loop import Loop
from include.local.demo.people import RunFailed
from include.local.demo.show import Show
from include.local.errors import PlatformError
from include.local.platform import Platform
from include.local.start import Progress
from include.projects import load_project


def main(arguments: list[str] | None = None) -> int:
    """Run the demo; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m include.local.demo", description=__doc__)
    parser.add_argument("--home", type=Path, help="home folder of the platform; DEVMLOPS_HOME or .devmlops otherwise")
    parser.add_argument("--human", action="store_true", default=os.environ.get("HUMAN") == "1", help="wait for real approvers")
    options = parser.parse_args(arguments)
    platform = Platform(options.home)
    console = Console(highlight=False)
    show = Show(platform.places.home / "demo" / "summary.json", console)
    try:
        _bring_up(platform, show)
        project = load_project("digits", platform.settings.projects_dir)
        loop = Loop(platform.settings, project, platform.secrets.passwords, show, options.human)
        for name, work in loop.steps():
            with show.step(name) as step:
                work(step)
    except (RunFailed, PlatformError, AirflowError, FinalError, RuntimeError, TimeoutError, OSError) as error:
        console.print(f"\n[red]The demo stopped:[/] {type(error).__name__}: ", end="")
        console.print(str(error), markup=False)
        console.print(f"Look at it in Airflow: {platform.settings.airflow_url} (make status shows the log-ins)")
        return 1
    finally:
        show.save()
    show.table()
    console.print("\nThe platform keeps running: make status shows log-ins, make down stops it.")
    return 0


def _bring_up(platform: Platform, show: Show) -> None:
    with show.step("platform") as step:

        def report(lines: list[Progress]) -> None:
            waiting = [line.name for line in lines if line.waits is not None]
            step.now(f"waiting for {', '.join(waiting)}" if waiting else "all is up")

        platform.up(report=report)
        step.result = f"{platform.memory() / 2**30:.1f} GiB"
    settings = platform.settings
    show.summary["urls"] = {
        "Airflow": settings.airflow_url,
        "MLflow": settings.mlflow_url,
        "inference AP": f"{settings.inference_url}/docs",
    }


if __name__ == "__main__":
    sys.exit(main())
