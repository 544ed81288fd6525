"""``python -m include.jobs NAME --spec URI``: run one job in this process."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from types import FrameType
from typing import Any

from include.errors import FinalError
from include.jobs.code import check_code, load_here
from include.jobs.errors import SpecError
from include.jobs.registry import JOBS, check_args, find
from include.jobs.spec import LOG, local_path, read_spec, result_line, write_json
from include.projects import Project, ProjectError
from include.settings import Settings

FAILED, BAD_SPEC, REFUSED = 1, 2, 3
GRACE_S = 10
FORM = """spec: {"project": "digits", "args": {...}}
exit codes: 0 done, 1 failed, 2 bad spec, 3 refused (another try cannot help)"""
_owner_died, _stopped = threading.Event(), threading.Event()


def main(argv: list[str] | None = None) -> int:
    """Run the job that the command line names.

    Returns:
        0 done; 1 failed, another try may help; 2 the spec is wrong; 3 failed, another try cannot help. The last
        line on stderr says why. A job that is told to stop cleans up and ends by the signal.
    """
    arguments = _parser().parse_args(argv)
    if arguments.lifeline:
        threading.Thread(target=_follow, daemon=True, name="lifeline").start()
    try:
        if arguments.settings:
            _take(local_path(arguments.settings))
        job = find(arguments.name)
        spec = read_spec(arguments.spec)
        to_log = arguments.result[len(LOG) :] if arguments.result and arguments.result.startswith(LOG) else None
        result_file = local_path(arguments.result) if arguments.result and to_log is None else None
        settings = Settings()
        project = load_here(spec.project, settings)
        function = job.load()
        check_args(arguments.name, function, spec.args)
    except (SpecError, ProjectError) as cause:
        print(f"job {arguments.name}: {_one_line(cause)}", file=sys.stderr, flush=True)
        return BAD_SPEC
    except Exception as cause:
        traceback.print_exc()
        print(f"job {arguments.name} cannot start: {type(cause).__name__}: {_one_line(cause)}", file=sys.stderr, flush=True)
        return FAILED
    started = time.monotonic()
    try:
        check_code(settings, project)
        if not arguments.recorded:
            _record(settings, project, arguments.name, spec.args)
        result = function(settings, project, **spec.args)
        if result_file:
            write_json(result_file, result)
        last = None if to_log is None else result_line(to_log, result)
    except Exception as cause:
        traceback.print_exc()
        print(f"job {arguments.name} failed: {type(cause).__name__}: {_one_line(cause)}", file=sys.stderr, flush=True)
        return REFUSED if isinstance(cause, FinalError) else FAILED
    print(f"job {arguments.name} done in {time.monotonic() - started:.1f} s", flush=True)
    if last is not None:
        print(last, flush=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    jobs = "\n".join(f"  {name:<18}{job.what}" for name, job in JOBS.items())
    parser = argparse.ArgumentParser(
        prog="python -m include.jobs",
        description="Run one job.",
        epilog=f"jobs:\n{jobs}\n\n{FORM}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", metavar="NAME", help="which job")
    parser.add_argument("--spec", required=True, metavar="URI", help="path, file:// or data: URI of the JSON spec")
    parser.add_argument(
        "--result", metavar="URI", help="where the JSON result goes: path, file:// URI, or log:ID for the last line"
    )
    parser.add_argument("--settings", metavar="FILE", help="JSON file with variables of this job, removed when it is read")
    parser.add_argument("--recorded", action="store_true", help="who starts it has put into the audit log which data it is given")
    parser.add_argument("--lifeline", action="store_true", help="end this process group when stdin closes: its owner has died")
    return parser


def _take(file: Path) -> None:
    """Put the variables of a file into the environment, and remove the file: it holds credentials."""
    try:
        os.environ.update(json.loads(file.read_text(encoding="utf-8")))
        file.unlink()
    except (OSError, ValueError) as cause:
        raise SpecError(f"cannot take the settings of {file}: {cause}") from cause


def _record(settings: Settings, project: Project, name: str, args: dict[str, Any]) -> None:
    """Put into the audit log which data the job is given, before it reads them."""
    if '"repository"' in json.dumps(args):
        from include.data.access import note_all

        note_all(settings, project, "data.read", args, via=f"job {name}")


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or "no message"


def _follow() -> None:
    """Wait until stdin closes, then end this process in order, and after it (or after a while) its whole group."""
    while os.read(0, 1024):
        pass
    _owner_died.set()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_S)
    _end_group()


def _end_group() -> None:
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


def _stop(number: int, frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)  # once is enough: cleaning up must not be cut short
    _stopped.set()
    raise SystemExit(128 + number)


def run() -> None:
    """Run the job that the command line names, and end this process as the job ended."""
    signal.signal(signal.SIGTERM, _stop)
    try:
        code: object = main()
    except SystemExit as stop:
        code = stop.code
    sys.stdout.flush()
    if _owner_died.is_set():
        _end_group()  # nobody else is left to end what the job started
    if _stopped.is_set():  # asked by the flag: Ray turns the exit into one with another code
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)
    os._exit(code if isinstance(code, int) else 0)  # threads that a library left behind must not keep the job alive


if __name__ == "__main__":
    run()
