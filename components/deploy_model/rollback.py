"""Which version serves, which one a rollback brings back, and what is known of it."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.deploy_model import registry
from components.deploy_model.probe import Probe
from earthline.formats.placed_patches import PATCHES, PatchesFileError, PlacedPatches
from earthline.formats.served.contract import CONTRACT, Contract
from earthline.formats.served.references import PROBE, ProbeFileError, Reference
from earthline.storage import folders
from earthline.vertex import endpoints


class RollbackError(RuntimeError):
    """There is nothing to go back to; the text says what there is, and what to do."""


@dataclass(frozen=True)
class Candidate:
    """The version that a rollback brings back.

    Attributes:
        model: The `aiplatform.Model` of that version.
        endpoint: The `aiplatform.Endpoint`.
        serving: Versions that get traffic now.
        probe: What the version must answer.
        patches: Patches that it was proven on, with their places; None where nobody knows where they lie.
    """

    model: Any
    endpoint: Any
    serving: tuple[str, ...]
    probe: Probe
    patches: PlacedPatches | None

    @property
    def patch_probe(self) -> Probe | None:
        """The same patches as tiles, and what the version must answer to them; None where there are none."""
        if self.patches is None:
            return None
        (rows, columns), placed, contract = self.patches.answered_shape, self.patches, self.probe.contract
        order = [placed.bands.index(band) for band in contract.bands]
        image = placed.image[:, :rows, :columns, order]
        return Probe(contract, Reference(image, placed.valid[:, :rows, :columns], placed.outputs))


def find(name: str, endpoint_name: str, wanted: str | None, project: str) -> Candidate:
    """The version to go back to: the champion where another one has a share of its traffic, else the one before it.

    Args:
        name: Display name of the model.
        endpoint_name: Display name of the endpoint.
        wanted: Version id to go to instead; None for that rule.
        project: Google Cloud project.

    Raises:
        RollbackError: No endpoint, nothing deployed, no such version, or it serves already.
    """
    endpoint = endpoints.find(endpoint_name)
    newest = registry.find(name)
    if endpoint is None or newest is None:
        missing = f"endpoint '{endpoint_name}'" if endpoint is None else f"model '{name}'"
        raise RollbackError(
            f"there is no {missing} in the project {project}: nothing was deployed from this config yet; "
            "`earthline run` it first"
        )
    aliases = registry.aliases(newest)
    told = ", ".join(f"{key} ({', '.join(names)})" if names else key for key, names in aliases.items())
    serving = _serving(endpoint, newest)
    version = wanted or _before(aliases, serving)
    if version is None:
        raise RollbackError(f"no version of {name} served before; versions: {told}. Name one by --to VERSION")
    if version not in aliases:
        raise RollbackError(f"{name} has no version {version}; it has {told}")
    if serving == (version,):
        raise RollbackError(f"version {version} of {name} has all of the traffic already; versions: {told}")
    model = registry.version(newest, version)
    return Candidate(model, endpoint, serving, *_kept(model, project))


def _serving(endpoint: Any, model: Any) -> tuple[str, ...]:
    identity = model.resource_name.rpartition("/")[2]
    split = endpoint.traffic_split
    deployed = sorted(endpoint.list_models(), key=lambda each: split.get(each.id, 0), reverse=True)
    return tuple(
        each.model_version_id
        for each in deployed
        if split.get(each.id, 0) and each.model.partition("@")[0].rpartition("/")[2] == identity
    )


def _before(aliases: dict[str, tuple[str, ...]], serving: tuple[str, ...]) -> str | None:
    champion = next((key for key, names in aliases.items() if registry.CHAMPION in names), None)
    if champion is not None and serving != (champion,):
        return champion
    return next((key for key, names in aliases.items() if registry.PREVIOUS in names), None)


def _kept(model: Any, project: str) -> tuple[Probe, PlacedPatches | None]:
    """What was kept beside a version's SavedModel when it was proven."""
    with tempfile.TemporaryDirectory(prefix="rollback-") as name:
        folder = Path(name)
        try:
            names = (CONTRACT, PROBE, PATCHES)
            folders.download(model.uri or "", folder, folders.FEW_BYTES, names=names, project=project)
            return Probe(Contract.read(folder), Reference.read(folder)), PlacedPatches.read(folder)
        except (folders.FolderError, ProbeFileError, PatchesFileError, OSError, ValueError) as error:
            raise RollbackError(
                f"version {model.version_id} of {model.display_name} cannot be proved before it serves: its folder "
                f"{model.uri} is not what this version of Earthline prepares ({error}). Choose another by --to "
                "VERSION, or deploy it in the console"
            ) from error
