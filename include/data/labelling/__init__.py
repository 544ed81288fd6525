"""Labelling: items of a version go to people and come back as a round of labels.

The way of labels: `push` makes tasks in Label Studio of what has no label yet, `progress` tells how far people are,
`send_back` gives them again what they did not agree on, `collect_labels` makes a labelled round on the run's branch,
from what they said or from a file in a format of the field. From there it goes as with every round: it is checked
(`check_labels`) and merged, and the next version holds the labels.

References, small dicts that JSON can hold:

- labelling: labelling_project, url, tasks, new, passes, version, project, run_id, author
- or, of a file: file, format, version
"""

from include.data.labelling.agreement import overall, similarity
from include.data.labelling.checks import check_labels
from include.data.labelling.files import export_labels, label_file, read_file
from include.data.labelling.formats import TASKS, LabelFileError, formats_of
from include.data.labelling.interfaces import label_config
from include.data.labelling.progress import progress
from include.data.labelling.pull import Labelled, pull, send_back, summary
from include.data.labelling.push import Predict, push
from include.data.labelling.round import collect_labels, disputed_path, labels_path, renumber
from include.data.labelling.table import LABEL_COLUMNS, digest_line
from include.data.labelling.work import unlabelled, version_items

__all__ = [
    "LABEL_COLUMNS",
    "TASKS",
    "LabelFileError",
    "Labelled",
    "Predict",
    "check_labels",
    "collect_labels",
    "digest_line",
    "disputed_path",
    "export_labels",
    "formats_of",
    "label_config",
    "label_file",
    "labels_path",
    "overall",
    "progress",
    "pull",
    "push",
    "read_file",
    "renumber",
    "send_back",
    "similarity",
    "summary",
    "unlabelled",
    "version_items",
]
