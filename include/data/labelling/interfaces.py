"""What people see in Label Studio: its interface for a project's task, classes and kind of content.

The item is always named `ITEM` and what is answered about it `LABEL`, so answers look alike for every project.
"""

from __future__ import annotations

from typing import Literal
from xml.sax.saxutils import quoteattr

from include.data.errors import ReferenceFault
from include.projects import Project
from include.projects.content import ArrayContent

View = Literal["image", "series", "text", "row", "context", "audio", "video"]

ITEM, LABEL, POLYGON = "item", "label", "polygon"
ANSWER = "answer"  # the one class of a span that answers a question
CHANNELS = 32  # curves that a screen has room for

OBJECTS: dict[View, str] = {
    "image": f'<Image name="{ITEM}" value="$image" zoom="true" zoomControl="true" smoothing="false"/>',
    "series": "",
    "text": f'<Text name="{ITEM}" value="$text"/>',
    "row": f'<HyperText name="{ITEM}" value="$html"/>',
    "context": f'<Header value="$question"/><Text name="{ITEM}" value="$text"/>',
    "audio": f'<Audio name="{ITEM}" value="$audio"/>',
    "video": f'<Video name="{ITEM}" value="$video"/>',
}


def view(project: Project) -> View:
    """Return how an item of a project is shown.

    Raises:
        ReferenceFault: its arrays are neither pictures nor time series that a person can read.
    """
    content = project.data.content
    if project.task == "question_answering":
        return "context"
    if not isinstance(content, ArrayContent):
        return "row" if content.kind == "table" else content.kind
    shape = content.shape
    if project.domain in ("vision", "mixed") and (len(shape) == 2 or (len(shape) == 3 and {shape[0], shape[-1]} & {1, 3, 4})):
        return "image"
    if len(shape) == 1 or (len(shape) == 2 and shape[1] <= CHANNELS):
        return "series"
    problem = f"an array of shape {shape} is no picture, and has more than {CHANNELS} curves"
    raise ReferenceFault(f"data.content of {project.name}", problem, "Label it elsewhere, and bring the labels in as a file")


def label_config(project: Project) -> str:
    """Return the labelling interface of a project as Label Studio's XML."""
    shown = view(project)
    seen = _series(project) if shown == "series" else OBJECTS[shown]
    return f"<View>{seen}{_controls(project)}</View>"


def channels(project: Project) -> int:
    """Return how many curves a time series has."""
    shape = project.array.shape
    return shape[1] if len(shape) == 2 else 1


def _controls(project: Project) -> str:
    to = f'toName="{ITEM}"'
    if project.task == "classification":
        choices = _each("Choice", project)
        return f'<Choices name="{LABEL}" {to} choice="single" required="true" showInline="true">{choices}</Choices>'
    if project.task == "regression":
        return f'<Number name="{LABEL}" {to} required="true"/>'
    if project.task == "detection":
        return f'<RectangleLabels name="{LABEL}" {to} canRotate="false">{_each("Label", project)}</RectangleLabels>'
    if project.task == "segmentation":
        brush = f'<BrushLabels name="{LABEL}" {to}>{_each("Label", project)}</BrushLabels>'
        return f'{brush}<PolygonLabels name="{POLYGON}" {to}>{_each("Label", project)}</PolygonLabels>'
    if project.task == "tagging":
        return f'<Labels name="{LABEL}" {to}>{_each("Label", project)}</Labels>'
    return f'<Labels name="{LABEL}" {to}><Label value="{ANSWER}"/></Labels>'


def _each(tag: str, project: Project) -> str:
    return "".join(f"<{tag} value={quoteattr(name)}/>" for name in project.classes)


def _series(project: Project) -> str:
    curves = "".join(f'<Channel column="c{n}" displayFormat=",.4g" legend="{n}"/>' for n in range(channels(project)))
    return f'<TimeSeries name="{ITEM}" valueType="json" value="$series" timeColumn="t">{curves}</TimeSeries>'
