"""The cluster of a custom job: its replicas, and what each of them is told of the others.

https://cloud.google.com/vertex-ai/docs/training/distributed-training has the formats of `CLUSTER_SPEC` and
`TF_CONFIG`, https://cloud.google.com/vertex-ai/docs/training/code-requirements the other variables.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from earthline_sandbox.settings import Settings
from earthline_sandbox.vertex.containers import containers, python_packages

PRIMARY: Final = "workerpool0-0"
"""Name of the replica whose end is the job's."""

_TASKS: Final = ("chief", "worker", "ps", "evaluator")
_EVALUATOR: Final = 3
_LONGEST_JOB: Final = 100_000


@dataclass(frozen=True)
class Replica:
    """One container of a worker pool.

    Attributes:
        pool: Position of its pool in `workerPoolSpecs`.
        index: Position in the pool.
        spec: `ContainerSpec` as JSON.
        address: Host and port that the others reach it at; it keeps them when it is restarted.
    """

    pool: int
    index: int
    spec: Mapping[str, Any]
    address: str

    @property
    def name(self) -> str:
        """Name as in messages and logs, such as `workerpool1-0`."""
        return f"workerpool{self.pool}-{self.index}"


def replicas(settings: Settings, spec: Mapping[str, Any]) -> list[Replica]:
    """The replicas of a `CustomJobSpec`, each with a free port of the loopback interface.

    Raises:
        ApiError: FAILED_PRECONDITION where a Python package of one is not there.
    """
    found = []
    for number, pool in enumerate(spec["workerPoolSpecs"]):
        if not pool:
            continue
        packages = pool.get("pythonPackageSpec")
        container = python_packages.container(settings, packages) if packages else pool["containerSpec"]
        for index in range(int(pool.get("replicaCount", 1))):
            found.append(Replica(number, index, container, f"127.0.0.1:{containers.free_port()}"))
    return found


def variables(
    settings: Settings, job_id: str, spec: Mapping[str, Any], replica: Replica, others: Sequence[Replica]
) -> dict[str, str]:
    """The variables that Vertex AI sets for a replica.

    Args:
        settings: The sandbox.
        job_id: Number of the custom job, as text.
        spec: Its `CustomJobSpec` as JSON.
        replica: The replica.
        others: All replicas of the job, this one included.
    """
    found = {"CLOUD_ML_JOB_ID": job_id, "CLOUD_ML_PROJECT_ID": settings.project}
    prefix = spec.get("baseOutputDirectory", {}).get("outputUriPrefix", "").rstrip("/")
    if prefix:
        found["AIP_MODEL_DIR"] = f"{prefix}/model/"
        found["AIP_CHECKPOINT_DIR"] = f"{prefix}/checkpoints/"
        found["AIP_TENSORBOARD_LOG_DIR"] = f"{prefix}/logs/"
    if spec.get("tensorboard"):
        found["AIP_TENSORBOARD_RESOURCE_NAME"] = spec["tensorboard"]
    pools: dict[str, list[str]] = {}
    tasks: dict[str, list[str]] = {}
    for other in others:
        pools.setdefault(f"workerpool{other.pool}", []).append(other.address)
        # Evaluators are no part of the training cluster: TensorFlow would wait for them.
        if other.pool < _EVALUATOR:
            tasks.setdefault(_TASKS[other.pool], []).append(other.address)
    # Linux takes 128 KiB in one variable; a job with more in its commands goes without its description.
    job = dict(spec) if len(json.dumps(spec)) < _LONGEST_JOB else {}
    task = {"type": f"workerpool{replica.pool}", "index": replica.index}
    found["CLUSTER_SPEC"] = json.dumps({"cluster": pools, "environment": "cloud", "task": task, "job": job})
    if len(others) > 1 and replica.pool < len(_TASKS):
        task = {"type": _TASKS[replica.pool], "index": replica.index, "cloud": job_id}
        found["TF_CONFIG"] = json.dumps({"cluster": tasks, "environment": "cloud", "task": task, "job": job})
    return found
