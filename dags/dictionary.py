"""Keep the word dictionaries of a project, each change a version.

**What it does.** Reads the files of words that `data.dictionaries` of project.yaml names, reports repeats and conflicts,
and keeps what changed as a round of its own with a tag such as `dict-words-v2`. Where nothing changed the task is skipped.

**When to run it.** After a change of the files, in Airflow's web UI or by REST. Only projects with `data.dictionaries`
have it.

**When it fails.** The task names the file and line, or the words that are there twice and differ: correct the file, or
say with `conflicts` in project.yaml which one counts. Any task may be cleared.
"""

from operators.data import LoadDictionaryOperator
from operators.pipeline import pipeline, projects

for project in projects():
    if not project.data.dictionaries:
        continue
    with pipeline(project, "dictionary", "data", __doc__) as dag:
        for name in project.data.dictionaries:
            LoadDictionaryOperator(task_id=f"load_{name}", project=project.name, dictionary=name)
    globals()[dag.dag_id] = dag
