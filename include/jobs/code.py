"""The code that a job runs is that of the checkout that started it: what is checked where the job runs, before any work."""

from __future__ import annotations

from include.jobs.errors import SpecError
from include.management import CodeRefused, code_of
from include.projects import Project, ProjectError, load_project
from include.settings import ROOT, Settings

SHIPPED = ROOT / "include" / "projects"
SOURCES = {"docker": "FOLDER", "kubernetes": "claim:NAME/PATH"}  # runtimes whose images hold the code, and what mounts a folder
BUILD = "build it again from this checkout under a new tag (make image TAG=...), push it, and put that into the environment"


def load_here(name: str, settings: Settings) -> Project:
    """Return the project of a job.

    Raises:
        ProjectError: there is none, or its project.yaml is wrong.
        SpecError: the same in a container, with what to do about its image.
    """
    try:
        return load_project(name, settings.projects_dir)
    except ProjectError as cause:
        if settings.job_runtime not in SOURCES:
            raise
        if (settings.projects_dir / name / "project.yaml").is_file():
            raise SpecError(f"{cause}; {_image(settings)} may be older than the project: {_build(settings)}") from cause
        mount = (
            f"references: {{projects: {{source: {SOURCES[settings.job_runtime]}}}}} and"
            " env: {DEVMLOPS_PROJECTS_DIR: /references/projects}"
        )
        where = _image(settings) if settings.projects_dir == SHIPPED else f"{settings.projects_dir} of this container"
        problem = f"{where} holds no project {name}: build the image with the folder of your projects (make image PROJECTS=...)"
        raise SpecError(f"{problem}, or let the environment {settings.job_environment} mount it: {mount}") from cause


def check_code(settings: Settings, project: Project) -> None:
    """Refuse to work with other code of the project than whoever started the job has: that of an older image, say.

    Raises:
        CodeRefused: the code here is another.
    """
    here = code_of(project).digest if settings.job_code else ""
    if here == settings.job_code:
        return
    if settings.job_runtime not in SOURCES:
        advice = "build its image, or its working directory, from the confirmed code"
        problem = f"the code of {project.name} where this job runs is {here[:19]}, but the confirmed one is"
        raise CodeRefused(project.name, here, f"{problem} {settings.job_code[:19]}: {advice}", {})
    where, advice = _image(settings), _build(settings)
    if settings.projects_dir != SHIPPED:
        where, advice = f"the mounted folder {settings.projects_dir}", "bring the projects there to the state of this checkout"
    problem = f"{where} holds other code of project {project.name} ({here[:19]}) than this checkout ({settings.job_code[:19]})"
    raise CodeRefused(project.name, here, f"{problem}: {advice}", {})


def _build(settings: Settings) -> str:
    return f"{BUILD} {settings.job_environment}".rstrip()


def _image(settings: Settings) -> str:
    return f"the image {settings.job_image}" if settings.job_image else "the image"
