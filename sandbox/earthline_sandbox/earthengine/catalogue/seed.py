"""Seeding: real scenes from the package index become assets of the project, with their source and licence."""

import json
import logging
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from earthline_sandbox.earthengine.catalogue.ingest import Ingestion, milliseconds
from earthline_sandbox.earthengine.catalogue.names import name_of, parent_of
from earthline_sandbox.earthengine.catalogue.packages import Package, extract, fetch
from earthline_sandbox.errors import invalid

logger = logging.getLogger(__name__)

DEFAULT = ("north_carolina",)
_TIMES = ("system:time_start", "system:time_end")


@cache
def descriptions() -> dict[str, Any]:
    """What can be seeded, by name: package, digest, and the assets that come of it."""
    text = resources.files("earthline_sandbox.earthengine.catalogue").joinpath("seeds.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def seed(
    ingestion: Ingestion, project: str, names: Sequence[str], sandbox_environment: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Brings scenes into `projects/<project>/assets/`; those that are there already stay as they are.

    Args:
        ingestion: Writes the assets.
        project: Project id.
        names: Keys of `descriptions()`; none means `DEFAULT`.
        sandbox_environment: What pip must not inherit.

    Returns:
        Name, source, licence and attribution of every asset.

    Raises:
        ApiError: INVALID_ARGUMENT for an unknown name; UNAVAILABLE where the package index cannot be reached.
    """
    chosen = list(names) or list(DEFAULT)
    if unknown := sorted(set(chosen) - descriptions().keys()):
        raise invalid(f"Unknown seed {', '.join(unknown)}; there are: {', '.join(descriptions())}.")
    reports = []
    for name in chosen:
        description = descriptions()[name]
        wanted = {f"projects/{project}/assets/{asset['asset']}": asset for asset in description["assets"]}
        lacking = {asset_id: asset for asset_id, asset in wanted.items() if not ingestion.assets.find(asset_id)}
        if lacking:
            logger.info("seeding %s: %s", name, description["description"])
            _bring(ingestion, description, lacking, sandbox_environment)
        for asset_id, asset in wanted.items():
            if "public" in asset:
                _publish(ingestion, asset_id, asset["public"])
            about = {key: asset["properties"][key] for key in ("source", "license", "attribution")}
            reports.append({"name": asset_id, "created": asset_id in lacking, **about})
    return reports


def _publish(ingestion: Ingestion, asset_id: str, public: str) -> None:
    """Shows a scene under the id that it has in Google's public catalogue as well."""
    name, assets = name_of(public), ingestion.assets
    if assets.find(name) is None:
        if assets.find(parent_of(name)) is None:
            assets.put(parent_of(name), "IMAGE_COLLECTION", make_parents=True)
        assets.copy(asset_id, name)


def _bring(
    ingestion: Ingestion,
    description: Mapping[str, Any],
    assets: Mapping[str, Any],
    sandbox_environment: Mapping[str, str],
) -> None:
    package = Package(description["package"], description["version"], description["archive"], description["sha256"])
    archive = fetch(package, sandbox_environment)
    with tempfile.TemporaryDirectory() as folder:
        members = {band["member"] for asset in assets.values() for band in asset["bands"]}
        files = extract(archive, members, Path(folder))
        for asset_id, asset in assets.items():
            properties = dict(asset["properties"])
            for key in _TIMES:
                properties[key] = milliseconds(properties[key])
            ingestion.files(
                asset_id,
                [files[band["member"]] for band in asset["bands"]],
                band_names=[band["name"] for band in asset["bands"]],
                properties=properties,
                crs=asset["crs"],
                pyramiding={band["name"]: asset["pyramiding"] for band in asset["bands"]},
            )
            logger.info("asset %s: %d bands (%s)", asset_id, len(asset["bands"]), properties["license"])
