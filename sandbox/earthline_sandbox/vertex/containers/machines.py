"""Machine types, accelerators and replica counts, as Vertex AI documents and refuses them.

https://cloud.google.com/vertex-ai/docs/training/configure-compute and
https://cloud.google.com/vertex-ai/docs/predictions/configure-compute have the names and which accelerators go with
which. Regions are not told apart, and nothing here changes what the local process gets.
"""

from collections.abc import Mapping
from typing import Any, Final

from earthline_sandbox.errors import ApiError, invalid

DEFAULT_MACHINE: Final = "n1-standard-2"
"""Machine type of a deployed model that gives none (reference of `MachineSpec`)."""


def _names(series: Mapping[str, str]) -> frozenset[str]:
    return frozenset(f"{name}-{size}" for name, sizes in series.items() for size in sizes.split())


_BUILT_IN: Final[Mapping[str, tuple[str, int]]] = {
    **{f"a2-highgpu-{count}g": ("NVIDIA_TESLA_A100", count) for count in (1, 2, 4, 8)},
    "a2-megagpu-16g": ("NVIDIA_TESLA_A100", 16),
    **{f"a2-ultragpu-{count}g": ("NVIDIA_A100_80GB", count) for count in (1, 2, 4, 8)},
    **{f"a3-highgpu-{count}g": ("NVIDIA_H100_80GB", count) for count in (1, 2, 4, 8)},
    "a3-edgegpu-8g": ("NVIDIA_H100_80GB", 8),
    "a3-megagpu-8g": ("NVIDIA_H100_MEGA_80GB", 8),
    "a3-ultragpu-8g": ("NVIDIA_H200_141GB", 8),
    "a4-highgpu-8g": ("NVIDIA_B200", 8),
    "a4x-highgpu-4g": ("NVIDIA_GB200", 4),
    **{f"g2-standard-{cpus}": ("NVIDIA_L4", 1) for cpus in (4, 8, 12, 16, 32)},
    **{f"g2-standard-{cpus}": ("NVIDIA_L4", count) for cpus, count in ((24, 2), (48, 4), (96, 8))},
    **{f"g4-standard-{48 * count}": ("NVIDIA_RTX_PRO_6000", count) for count in (1, 2, 4, 8)},
}
"""Accelerator and number of the machines that are built around theirs."""

_TPUS: Final = frozenset({"cloud-tpu", "ct5lp-hightpu-1t", "ct5lp-hightpu-4t", "ct5lp-hightpu-8t"})

TRAINING: Final = (
    _names(
        {
            "c2-standard": "4 8 16 30 60",
            "e2-highcpu": "16 32",
            "e2-highmem": "2 4 8 16",
            "e2-standard": "4 8 16 32",
            "m1-megamem": "96",
            "m1-ultramem": "40 80 160",
            "n1-highcpu": "16 32 64 96",
            "n1-highmem": "2 4 8 16 32 64 96",
            "n1-standard": "4 8 16 32 64 96",
            "n2-highcpu": "16 32 48 64 80",
            "n2-highmem": "2 4 8 16 32 48 64 80",
            "n2-standard": "4 8 16 32 48 64 80",
            "n4-highcpu": "2 4 8 16 32 48 64 80",
            "n4-highmem": "2 4 8 16 32 48 64 80",
            "n4-standard": "2 4 8 16 32 48 64 80",
        }
    )
    | (_BUILT_IN.keys() - {"a3-edgegpu-8g"})
    | _TPUS
)
"""Machine types of custom training."""

SERVING: Final = (
    _names(
        {
            "c2-standard": "4 8 16 30 60",
            "c2d-highcpu": "2 4 8 16 32 56 112",
            "c2d-highmem": "2 4 8 16 32 56 112",
            "c2d-standard": "2 4 8 16 32 56 112",
            "c3-highcpu": "4 8 22 44 88 176",
            "ct6e-standard": "1t 4t 8t",
            "e2-highcpu": "2 4 8 16 32",
            "e2-highmem": "2 4 8 16",
            "e2-standard": "2 4 8 16 32",
            "n1-highcpu": "2 4 8 16 32",
            "n1-highmem": "2 4 8 16 32",
            "n1-standard": "2 4 8 16 32",
            "n2-highcpu": "2 4 8 16 32 48 64 80 96",
            "n2-highmem": "2 4 8 16 32 48 64 80 96 128",
            "n2-standard": "2 4 8 16 32 48 64 80 96 128",
            "n2d-highcpu": "2 4 8 16 32 48 64 80 96 128 224",
            "n2d-highmem": "2 4 8 16 32 48 64 80 96",
            "n2d-standard": "2 4 8 16 32 48 64 80 96 128 224",
        }
    )
    | _BUILT_IN.keys()
    | (_TPUS - {"cloud-tpu"})
)
"""Machine types of online and batch prediction."""

_SMALL: Final = frozenset({1, 2, 4})
_NONE: Final[frozenset[int]] = frozenset()


def check_training(spec: Mapping[str, Any], place: str) -> None:
    """Checks the `MachineSpec` of a worker pool.

    Args:
        spec: The specification as JSON.
        place: Its path in the request, in snake case, for the refusal.

    Raises:
        ApiError: INVALID_ARGUMENT, in Google's words where they are known.
    """
    name = spec.get("machineType", "")
    _check(spec, name, TRAINING, place)
    if name in _BUILT_IN and not spec.get("acceleratorType"):
        kind, count = _BUILT_IN[name]
        raise _field(f"{place}.accelerator_type", f'Machine type "{name}" must be used with {count} of "{kind}".')


def check_serving(spec: Mapping[str, Any], place: str) -> None:
    """As `check_training`, for prediction, where the machine type may be left out."""
    _check(spec, spec.get("machineType") or DEFAULT_MACHINE, SERVING, place)


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
        check_serving(resources.get("machineSpec", {}), "deployed_model.dedicated_resources.machine_spec")
        if resources.get("minReplicaCount", 0) < 1:
            raise invalid("deployedModel.dedicatedResources.minReplicaCount must be at least 1.")
    least, most = resources.get("minReplicaCount", 0), resources.get("maxReplicaCount", 0)
    if most < 0 or (most and most < least):
        raise invalid(f"deployedModel.{kinds[0]}.maxReplicaCount {most} is below minReplicaCount {least}.")


def complete_resources(deployed_model: Mapping[str, Any]) -> None:
    """Writes down what Vertex AI takes for granted: a machine type, and as many replicas at most as at least.

    Args:
        deployed_model: A `DeployedModel` that `check_resources` took; changed in place.
    """
    resources = deployed_model.get("dedicatedResources")
    if resources is not None:
        resources.setdefault("machineSpec", {}).setdefault("machineType", DEFAULT_MACHINE)
        resources.setdefault("maxReplicaCount", resources["minReplicaCount"])


def _check(spec: Mapping[str, Any], name: str, known: frozenset[str], place: str) -> None:
    if name not in known:
        raise invalid(
            f'Machine type "{name}" is not supported. ({place}.machine_type; an example of one that is:'
            ' "n1-standard-4".)'
        )
    kind, count = spec.get("acceleratorType", ""), spec.get("acceleratorCount", 0)
    if bool(kind) != bool(count):
        raise _field(
            f"{place}.accelerator_type", "Both `accelerator_type` and `accelerator_count` should be specified or none."
        )
    if not kind:
        return
    counts = _counts(name, kind)
    if not counts:
        raise invalid(f'Accelerator "{kind}" is not supported for machine type "{name}"')
    if name == "cloud-tpu" and count > max(counts) and count % max(counts) == 0:
        return
    if count not in counts:
        listed = ", ".join(str(number) for number in sorted(counts))
        raise _field(
            f"{place}.accelerator_count",
            f'{count} of accelerator "{kind}" is not supported for machine type "{name}"; these numbers are: {listed}.',
        )


def _counts(name: str, kind: str) -> frozenset[int]:
    """How many accelerators of a kind a machine may have; empty for none."""
    if name in _BUILT_IN:
        own, count = _BUILT_IN[name]
        return frozenset({count}) if own == kind else _NONE
    if name == "cloud-tpu":
        return frozenset({8, 32}) if kind in ("TPU_V2", "TPU_V3") else _NONE
    if name in _TPUS:
        return frozenset({int(name[-2])}) if kind == "TPU_V5_LITEPOD" else _NONE
    series, _, size = name.rpartition("-")
    if not series.startswith("n1-"):
        return _NONE
    cpus = int(size)
    match kind:
        case "NVIDIA_TESLA_T4" | "NVIDIA_TESLA_P4":
            return _SMALL if cpus <= 16 else frozenset({2, 4}) if cpus == 32 else frozenset({4})
        case "NVIDIA_TESLA_P100":
            # Four of them serve 64 processors and 208 GB at most.
            most = frozenset({4}) if name == "n1-highcpu-64" else _NONE
            return _SMALL if cpus <= 16 else frozenset({2, 4}) if cpus == 32 else most
        case "NVIDIA_TESLA_V100":
            least = 1 if cpus <= 8 else 2 if cpus == 16 else 4 if cpus == 32 else 8
            return frozenset(count for count in (1, 2, 4, 8) if count >= least)
    return _NONE


def _field(path: str, message: str) -> ApiError:
    """A refusal as the service lists them, tabs included."""
    return invalid(f"List of found errors:\t1.Field: {path}; Message: {message}\t")
