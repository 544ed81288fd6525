"""What the code of a project raises while it trains, told apart from what the machine does to it."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from include.clients.ray import RayError
from include.errors import FinalError, of_the_machine
from include.projects import Project
from include.training.errors import TrainingError, TrainingFailed


@contextmanager
def own_code(project: Project, params: Mapping[str, Any]) -> Iterator[None]:
    """Turn what the block raises into a final error that says where in the project's code it came from.

    What the machine or a lost worker does passes as it is, for another try may help.

    Args:
        project: whose code runs in the block.
        params: that it was given.

    Raises:
        TrainingError: the code raised, and would again.
    """
    try:
        yield
    except (FinalError, TrainingFailed, RayError):
        raise
    except Exception as cause:
        if of_the_machine(cause) or type(cause).__module__.partition(".")[0] == "ray":
            raise
        raise raised(project, params, cause) from cause


def raised(project: Project, params: Mapping[str, Any], cause: BaseException) -> TrainingError:
    """Return the error for what a project's code raised while it trained with ``params``."""
    said = f"{type(cause).__name__}: {' '.join(str(cause).split()) or 'no message'}"
    problem = f"the training of {project.name} with {dict(params)} raised {said}{_where(project, cause)}"
    return TrainingError(f"{problem}; mend the code of the project, or its parameters")


def _where(project: Project, cause: BaseException) -> str:
    """Return the last place in the project's folder that an error came through."""
    frames = traceback.extract_tb(cause.__traceback__)
    places = [one for one in frames if Path(one.filename).is_relative_to(project.folder)]
    return f" ({Path(places[-1].filename).relative_to(project.folder)}, line {places[-1].lineno})" if places else ""
