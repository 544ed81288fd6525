"""The commands of the local platform: ``python -m include.local up|down|status|clean|env|logs``."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.table import Table

from include.local.errors import PlatformError
from include.local.labelling import USER
from include.local.platform import Platform
from include.local.start import Progress
from include.local.supervisor import Program, log_path, tail


def show_up(platform: Platform, console: Console, only: list[str] | None, timeout_s: float) -> None:
    """Bring the platform up and show how far each part is."""
    begin = time.monotonic()
    if console.is_terminal:
        with Live(console=console, refresh_per_second=8) as live:
            platform.up(only, timeout_s, lambda lines: live.update(_progress_table(lines)))
    else:
        said: set[str] = set()

        def say(lines: list[Progress]) -> None:
            for line in lines:
                if line.waits is None and line.name not in said:
                    said.add(line.name)
                    console.print(f"{line.seconds:6.1f} s  {line.name}", highlight=False)

        platform.up(only, timeout_s, say)
    console.print(f"The platform is up ({time.monotonic() - begin:.1f} s).", highlight=False)


def _progress_table(lines: list[Progress]) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for line in lines:
        mark = "[green]ready[/]" if line.waits is None else f"[yellow]{line.waits}[/]"
        table.add_row(line.name, f"{line.seconds:.1f} s", mark)
    return table


def show_status(platform: Platform, console: Console) -> bool:
    """Print every service, its address and the log-ins; return whether all services are healthy."""
    rows = platform.status()
    table = Table("service", "state", "pid", "up", "address", box=None, padding=(0, 2, 0, 0))
    healthy = True
    for name, (program, problem) in rows.items():
        healthy &= problem is None
        age = f"{time.time() - program.started_at:.0f} s" if program.is_up else ""
        state = "[green]healthy[/]" if problem is None else f"[red]{problem}[/]"
        table.add_row(name, state, str(program.pid or ""), age, platform.services[name].url or "")
    console.print(table)
    if any(program.is_up for program, _ in rows.values()):
        console.print(f"memory: {platform.memory() / 2**30:.2f} GiB", highlight=False)
    show_access(platform, console)
    return healthy


def show_access(platform: Platform, console: Console) -> None:
    """Print where people look and with which names and passwords."""
    settings = platform.settings
    console.print(f"\nAirflow    {settings.airflow_url}\nMLflow     {settings.mlflow_url}", highlight=False)
    console.print(f"inference  {settings.inference_url}/docs\n", highlight=False)
    table = Table("log-in", "password", box=None, padding=(0, 2, 0, 0))
    for user, password in platform.secrets.passwords.items():
        table.add_row(user, password)
    console.print(table)
    console.print(f"keys and tokens: {platform.places.secrets}", highlight=False)
    if platform.supervisor.programs().get("labelling", Program("labelling", "STOPPED", 0, 0)).is_up:
        show_labelling(platform, console)


def show_labelling(platform: Platform, console: Console) -> None:
    """Print where people label, and with which name and password the first of them comes in."""
    console.print(f"\nLabel Studio  {platform.settings.labelling_url}", highlight=False)
    table = Table("log-in", "password", box=None, padding=(0, 2, 0, 0))
    table.add_row(USER, platform.secrets.labelling_password)
    console.print(table)
    console.print("Others come in by a link: Organization > Add People.", highlight=False)


def show_logs(platform: Platform, console: Console, names: list[str], lines: int) -> None:
    """Print the end of the services' logs."""
    for name in names or list(platform.services):
        file = log_path(platform.places, name)
        console.rule(str(file))
        print(tail(file, lines))


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m include.local", description=__doc__)
    parser.add_argument("--home", type=Path, help="home folder of the platform; DEVMLOPS_HOME or .devmlops otherwise")
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start what does not run and wait until all is healthy")
    up.add_argument("--only", nargs="+", metavar="SERVICE", help="these services alone")
    up.add_argument("--timeout", type=float, default=240, help="seconds to wait")
    labelling = commands.add_parser("labelling", help="install Label Studio where it is missing, start it, print the log-in")
    labelling.add_argument("--timeout", type=float, default=600, help="seconds to wait; its first start makes a database")
    commands.add_parser("down", help="stop everything")
    commands.add_parser("status", help="services, addresses and log-ins")
    commands.add_parser("clean", help="stop everything and remove the home folder with all data")
    commands.add_parser("env", help="print the variables of the platform for a shell, secrets included")
    logs = commands.add_parser("logs", help="the end of the services' logs")
    logs.add_argument("service", nargs="*")
    logs.add_argument("--lines", type=int, default=20)
    options = parser.parse_args(arguments)
    console = Console()
    platform = Platform(options.home)
    try:
        if options.command == "up":
            show_up(platform, console, options.only, options.timeout)
            show_access(platform, console)
        elif options.command == "labelling":
            show_up(platform, console, ["labelling"], options.timeout)
            show_labelling(platform, console)
        elif options.command == "down":
            lost = platform.down()
            console.print(
                "The platform is down." + (f" {lost} processes were ended one by one." if lost else ""), highlight=False
            )
        elif options.command == "status":
            return 0 if show_status(platform, console) else 3
        elif options.command == "clean":
            platform.clean()
        elif options.command == "env":
            print("\n".join(f"export {name}={shlex.quote(value)}" for name, value in platform.environment().items()))
        else:
            show_logs(platform, console, options.service, options.lines)
    except PlatformError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
