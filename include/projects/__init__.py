"""Projects: a folder with project.yaml and the components it names."""

from include.projects.errors import ProjectError
from include.projects.project import Project, list_projects, load_project

__all__ = ["Project", "ProjectError", "list_projects", "load_project"]
