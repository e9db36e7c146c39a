"""The manifest against the config."""

from components.validate_examples.findings import Findings
from earthline.config import Data
from earthline.formats.manifest import SPLITS, Manifest
from earthline.task import task_of


def check(manifest: Manifest, data: Data, findings: Findings) -> None:
    """Whether the examples are what the config asks for.

    Args:
        manifest: The dataset's.
        data: The config's section.
        findings: Where they are noted.
    """
    told = task_of(data).record.told
    for key, there, asked in (
        ("bands", manifest.bands, data.imagery.band_names),
        ("data_type", manifest.data_type, data.imagery.data_type),
        ("labels", manifest.task.told, told),
        ("label_type", manifest.label_type, task_of(data).data_type),
    ):
        if there != asked and asked != "auto":
            findings.error("contract", f"{key}: the examples have {there}, the config {asked}; export them again")
    for split in SPLITS:
        if split not in manifest.splits:
            findings.error("counts", f"split '{split}' is empty; change export.seed, block_shape or split_regions")
