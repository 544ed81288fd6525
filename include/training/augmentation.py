"""Augmentation: rows of the training part varied while a model learns, the same for the same seed.

What a row becomes follows from seed, epoch, place in the training part and step alone: not from its batch, from the
number of workers, or from what was drawn for other rows. Items are varied as they were collected, and prepared after
that, so a model gets inputs of the kind that it gets in service. The other parts never come here.

Other libraries were looked at: torchvision pins another torch, albumentations is archived in its last free version,
nlpaug, koeda and tsaug have not moved in years. Pixels are moved by scipy.ndimage, files are read and written by Pillow.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from include.projects import Project
from include.projects.augmentation import OWN, SERIES, TEXT, Augmentation
from include.projects.content import ArrayContent, ImageContent, TextContent
from include.training import augmentation_pictures as pictures
from include.training import augmentation_series as series
from include.training import augmentation_texts as texts
from include.training.errors import InputError
from include.training.parts import Arrays
from include.training.preparation import Preparation

if TYPE_CHECKING:
    import numpy as np

FILE = "augmentation.json"
MARK = 0x6175676D656E74  # parts these draws from others with the same seed
LONGEST = 4000  # characters of what a run's parameter says; MLflow takes 6,000

Step = Callable[[Any, "np.random.Generator"], Any]


class Augmenter:
    """Varies items of one project.

    Args:
        project: gives the steps and the form of an item.
        seed: of the training.

    Raises:
        InputError: a step cannot be made: a function or a file of the project is not there.
    """

    def __init__(self, project: Project, seed: int) -> None:
        import numpy as np

        self.project, self.form = project, project.data.content
        wish = project.training.augmentation
        self._steps = [(step.probability, step.use, _step(project, step.use, step.asked())) for step in wish.steps]
        self._source = np.random.Philox(key=np.array([seed % 2**64, MARK], np.uint64))
        self._begin: Any = dict(self._source.state)

    def __call__(self, contents: Any, rows: Sequence[int] | np.ndarray, epoch: int) -> Any:
        """Return some items varied, in the form in which they are given.

        Args:
            contents: all items of the training part, as `include.data.load_part` gives them.
            rows: which of them.
            epoch: counted from 1; each is another draw.

        Raises:
            InputError: a step of the project's own fails, or gives what is no item.
        """
        import numpy as np

        made = [self._row(contents[int(row)], int(row), epoch) for row in rows]
        if isinstance(self.form, ArrayContent):
            return np.stack(made) if made else np.asarray(contents)[:0]
        found = np.empty(len(made), dtype=object)
        found[:] = made
        return found

    def _row(self, content: Any, row: int, epoch: int) -> Any:
        value = None
        for number, (probability, use, step) in enumerate(self._steps):
            draw = self._draw(row, epoch, number)
            if draw.random() < probability:
                value = self._applied(use, step, self._opened(content) if value is None else value, draw)
        return content if value is None else self._closed(value, content)

    def _draw(self, row: int, epoch: int, step: int) -> np.random.Generator:
        """Return the generator of a row, epoch and step, at its beginning; it counts until the next is asked for."""
        import numpy as np

        state: Any = {**self._begin, "state": {**self._begin["state"], "counter": np.array([0, step, row, epoch], np.uint64)}}
        self._source.state = state
        return np.random.Generator(self._source)

    def _opened(self, content: Any) -> Any:
        if isinstance(self.form, ImageContent):
            return pictures.opened(content, self.form)
        return pictures.plane(content, self.form) if isinstance(self.form, ArrayContent) else content

    def _closed(self, value: Any, content: Any) -> Any:
        if isinstance(self.form, ImageContent):
            return pictures.as_file(value, content, self.form)
        return pictures.as_array(value, self.form) if isinstance(self.form, ArrayContent) else value

    def _applied(self, use: str, step: Step, value: Any, draw: np.random.Generator) -> Any:
        import numpy as np

        try:
            made = step(value, draw)
        except Exception as cause:
            if not OWN.match(use):
                raise
            raise InputError(f"the augmentation {use} of {self.project.name} failed: {type(cause).__name__}: {cause}") from cause
        if isinstance(self.form, TextContent):
            if not isinstance(made, str):
                raise InputError(f"the augmentation {use} of {self.project.name} gave {type(made).__name__}, wanted a text")
            return made if self.form.min_chars <= len(made) <= self.form.max_chars else value
        found = np.shape(made)
        if found != np.shape(value) or not np.isfinite(made).all():
            problem = f"gave {found} or values that are not finite, wanted {np.shape(value)}"
            raise InputError(f"the augmentation {use} of {self.project.name} {problem}")
        return made


class Varied:
    """The training part as one epoch after the other sees it.

    Args:
        project: gives steps and preparation.
        part: the training part.
        seed: of the training.

    Raises:
        InputError: the part has no items to vary, only inputs.
    """

    def __init__(self, project: Project, part: Arrays, seed: int) -> None:
        if part.contents is None:
            raise InputError(f"augmentation of {project.name} needs the items of the training part, and inputs alone were given")
        self._contents, self._augment = part.contents, Augmenter(project, seed)
        self._prepare = part.preparation or Preparation(project, None)

    def __call__(self, rows: Sequence[int] | np.ndarray, epoch: int) -> np.ndarray:
        """Return the inputs float32 (rows, ...) of some rows in an epoch, counted from 1."""
        return self._prepare(self._augment(self._contents, rows, epoch))


def varied(project: Project, part: Arrays, seed: int) -> Varied | None:
    """Return what varies the training part; None where project.yaml asks for no augmentation."""
    return Varied(project, part, seed) if project.training.augmentation else None


def with_copies(project: Project, part: Arrays, seed: int) -> Arrays:
    """Return the training part with ``copies`` variants of each row behind its rows; as it is without augmentation."""
    import numpy as np

    if (made := varied(project, part, seed)) is None:
        return part
    count, rows = project.training.augmentation.copies, range(len(part.labels))
    inputs = np.concatenate([part.inputs, *(made(rows, copy) for copy in range(1, count + 1))])
    return replace(part, contents=None, inputs=inputs, labels=np.tile(part.labels, count + 1), kinds=part.kinds * (count + 1))


def said(augmentation: Augmentation) -> dict[str, str]:
    """Return what a run remembers of it as parameters; nothing where there is none."""
    if not augmentation:
        return {}
    steps = (
        f"{step.use} p={step.probability:g}" + (f" {json.dumps(step.params, ensure_ascii=False)}" if step.params else "")
        for step in augmentation.steps
    )
    return {"augmentation": "; ".join(steps)[:LONGEST], "augmentation_copies": str(augmentation.copies)}


def digest(augmentation: Augmentation) -> str:
    """Return ``sha256:`` and 64 hex digits over all that it says."""
    whole = json.dumps(augmentation.model_dump(mode="json"), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(whole.encode()).hexdigest()}"


def _step(project: Project, use: str, asked: Any) -> Step:
    """Return a step as a function of a value and a generator."""
    form = project.data.content
    if OWN.match(use):
        own = project.function(f"training.augmentation ({use})", use)
        return lambda value, draw: own(value, draw, **asked)
    if use in TEXT:
        return texts.step(project, use, asked)
    if use in SERIES:
        assert isinstance(form, ArrayContent)
        return series.step(use, asked)
    return pictures.step(use, asked, form)
