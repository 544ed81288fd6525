"""Shows each project.yaml that cannot be read as an import error in the Airflow UI.

The other dag files leave such a project out, so that one project's mistake takes no other project down.
Mend the file that the error names; the error goes away by itself.
"""

from airflow.sdk.exceptions import AirflowException

from include.projects import ProjectError, list_projects, load_project
from include.settings import Settings

folder = Settings().projects_dir
problems = []
for name in list_projects(folder):
    try:
        load_project(name, folder)
    except ProjectError as error:
        problems.append(str(error))
if problems:
    raise AirflowException("\n".join(problems))
