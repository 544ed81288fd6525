"""Computing a view as a job."""

from __future__ import annotations

from include.data import versions
from include.data.features.offline import FeatureRef, compute
from include.projects import Project
from include.settings import Settings, Zone


def compute_features(
    settings: Settings, project: Project, view: str, version: str, zone: Zone, run_id: str, author: str
) -> FeatureRef:
    """Compute a view for a data version by its name, such as ``v3``; for the newest one where the name is empty.

    Args:
        settings: the data server.
        project: whose view it is.
        view: its name.
        version: of the data.
        zone: where the version is.
        run_id: of the pipeline run.
        author: who computes it.

    Returns:
        The features' reference, as `compute` does.

    Raises:
        ReferenceFault: there is no such version.
    """
    named = versions.version(settings, project, zone, version) if version else versions.latest_version(settings, project, zone)
    found = compute(settings, project, view, named, run_id, author)
    kept = "" if found["new"] else ", kept already"
    entities = f"{found['count']} rows of {found['entities']} entities"
    print(f"{view} of {found['version']}, definition {found['definition']}: {entities}{kept}", flush=True)
    return found
