"""Artifacts of earlier jobs by their ids, for jobs whose pipelines take artifacts.

On Vertex AI they lie in the metadata store; here in the records of the jobs that made or imported them, so that an
artifact is forgotten with the last job that knows it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from earthline_sandbox.errors import invalid, not_found
from earthline_sandbox.vertex.pipelines.specification import ArtifactType
from earthline_sandbox.vertex.rest.store import Store

Json = dict[str, Any]


def inputs(
    store: Store, parent: str, given: Mapping[str, Json], declared: Mapping[str, ArtifactType]
) -> dict[str, list[Json]]:
    """The artifacts that a job gives to its pipeline.

    Args:
        store: Records of all jobs.
        parent: `projects/NUMBER/locations/LOCATION`, within which artifacts are shared.
        given: `runtimeConfig.inputArtifacts`: `{"artifactId": …}` by the name of the input.
        declared: Input artifacts of the pipeline.

    Returns:
        For each input its artifact, as `RuntimeArtifact` JSON.

    Raises:
        ApiError: INVALID_ARGUMENT for an unknown or a missing input, NOT_FOUND for an unknown id.
    """
    for name in given:
        if name not in declared:
            known = ", ".join(sorted(declared)) or "none"
            raise invalid(f"runtimeConfig.inputArtifacts: the pipeline has no input artifact {name!r}; it has: {known}")
    found: dict[str, list[Json]] = {}
    for name, kind in declared.items():
        number = str(given.get(name, {}).get("artifactId", ""))
        if number:
            found[name] = [_artifact(store, parent, name, number)]
        elif not kind.optional:
            raise invalid(
                f"runtimeConfig.inputArtifacts gives nothing for the pipeline's input artifact {name!r}"
                f" ({kind.schema_title}): name an artifact of an earlier job by the last part of its resource name."
            )
    return found


def _artifact(store: Store, parent: str, name: str, number: str) -> Json:
    resource = f"{parent}/metadataStores/default/artifacts/{number}"
    for item in artifacts(store, parent):
        if item["name"] == resource:
            return {
                "name": resource,
                "type": {"schemaTitle": item["schemaTitle"], "schemaVersion": item["schemaVersion"]},
                "uri": item["uri"],
                "metadata": item["metadata"],
            }
    raise not_found(f"runtimeConfig.inputArtifacts[{name!r}]: the artifact {resource} does not exist.")


def artifacts(store: Store, parent: str) -> Iterator[Json]:
    """All artifacts that jobs of a place made, the newest job's first."""
    for job in reversed(store.list(parent, "pipelineJobs")):
        for task in job.get("jobDetail", {}).get("taskDetails", []):
            for items in task.get("outputs", {}).values():
                yield from items.get("artifacts", [])
