"""Machine types, accelerators and replica counts as Vertex AI takes them.

https://cloud.google.com/vertex-ai/docs/training/configure-compute and
https://cloud.google.com/vertex-ai/docs/predictions/configure-compute have the names. A machine is checked by
family and form, not against one region's list; nothing here changes what the local process gets.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from sandbox.errors import invalid

_MACHINE: Final = re.compile(
    r"(?:n1|n2|n2d|n4|e2|c2|c2d|c3|c3d|c4|c4a|c4d|m1|m3|t2d)-(?:standard|highmem|highcpu|megamem|ultramem)-\d{1,3}"
    r"(?:-lssd)?"
    r"|a2-(?:highgpu|megagpu|ultragpu)-\d{1,2}g|a3-(?:highgpu|megagpu|edgegpu|ultragpu)-\d{1,2}g|a4x?-highgpu-\d{1,2}g"
    r"|g2-standard-\d{1,2}|g4-standard-\d{1,3}|cloud-tpu|ct\w+-(?:hightpu|standard)-\d{1,3}t"
    r"|tpu7x-standard-\d{1,2}t"
)


def check_machine(spec: Mapping[str, Any], place: str) -> None:
    """Checks a `MachineSpec`.

    Raises:
        ApiError: INVALID_ARGUMENT for an unknown machine type, or an accelerator without count or the reverse.
    """
    name = spec.get("machineType", "")
    if not _MACHINE.fullmatch(name):
        raise invalid(
            f"Machine type {name!r} is not supported ({place}.machineType); an example of one is 'n1-standard-4'."
        )
    if bool(spec.get("acceleratorType")) != bool(spec.get("acceleratorCount")):
        raise invalid(f"{place} needs both acceleratorType and acceleratorCount, or neither.")


def check_resources(deployed_model: Mapping[str, Any]) -> None:
    """Checks the prediction resources of a `DeployedModel`.

    Raises:
        ApiError: INVALID_ARGUMENT where there are none, or their replica counts are missing or contradict.
    """
    if "sharedResources" in deployed_model:
        raise invalid("deployedModel.sharedResources is not supported by the sandbox: give dedicatedResources.")
    kinds = [key for key in ("dedicatedResources", "automaticResources") if key in deployed_model]
    if not kinds:
        raise invalid(
            "The deployed model gives no resources: set deployedModel.dedicatedResources with machineSpec and"
            " minReplicaCount (machine_type and min_replica_count of the client library)."
        )
    resources = deployed_model[kinds[0]]
    if kinds[0] == "dedicatedResources":
        check_machine(resources.get("machineSpec", {}), "deployedModel.dedicatedResources.machineSpec")
        if resources.get("minReplicaCount", 0) < 1:
            raise invalid("deployedModel.dedicatedResources.minReplicaCount must be at least 1.")
    least, most = resources.get("minReplicaCount", 0), resources.get("maxReplicaCount", 0)
    if most and most < least:
        raise invalid(f"deployedModel.{kinds[0]}.maxReplicaCount {most} is below minReplicaCount {least}.")
