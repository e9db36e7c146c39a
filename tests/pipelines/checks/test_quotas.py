"""The quotas that a run takes from."""

from pathlib import Path

from earthline.config import load
from pipelines.checks.quotas import Need, needs

VERTEX = Path(__file__).parents[3] / "configs" / "land_cover_vertex.yaml"


def test_quotas_count_every_machine() -> None:
    wanted = load(
        VERTEX,
        [
            "train.image=null",
            "train.machine_type=n1-standard-16",
            "train.accelerator_type=NVIDIA_TESLA_T4",
            "train.accelerator_count=2",
            "serving.machine_type=n2-standard-4",
            "serving.max_replicas=5",
        ],
    )
    assert needs(wanted) == [
        Need("custom_model_training_cpus", 16, "train.machine_type"),
        Need("custom_model_serving_n2_cpus", 60, "serving.machine_type"),
        Need("custom_model_training_nvidia_t4_gpus", 2, "train.accelerator_type"),
    ]
