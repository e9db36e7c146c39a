"""Who predicts the map of images: a model in a folder, or its endpoint."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cli.launch import models

if TYPE_CHECKING:  # these modules load NumPy, rasterio and Google's clients
    from collections.abc import Callable

    from earthline.formats.served.contract import Contract
    from earthline.formats.served.references import Reference
    from earthline.local_map.layers import Layers
    from earthline.local_map.predictors import Predictor

TILES_AT_ONCE = 8
"""Most tiles that are predicted together."""
MOST_PIXELS_AT_ONCE = 1 << 18
"""Of these, overlap included: what a network keeps of each pixel meanwhile is hundreds of bytes."""


@dataclass(frozen=True)
class Source:
    """Who predicts.

    Attributes:
        contract: Of the model.
        digest: What tells it from any other.
        named: As the user named it.
        proved_on: Real tiles of its; None where unknown.
        batch: Tiles of a group.
        remote: Whether requests may be under way side by side.
        predictor: Makes it ready, of layers; takes seconds.
    """

    contract: "Contract"
    digest: str
    named: str
    proved_on: "Reference | None"
    batch: int
    remote: bool
    predictor: "Callable[[Layers], Predictor]"


def source_of(model: str | None, endpoint: str | None, config: Path | None, stack: ExitStack) -> Source:
    """Finds the model.

    Args:
        model: Folder of a prepared model, or the name of a run, as `--model` takes it.
        endpoint: As `--endpoint` takes it; needs no model.
        config: Whose project and location count.
        stack: Keeps what was downloaded.

    Raises:
        typer.BadParameter: An endpoint without its project.
    """
    from earthline.local_map import models as prepared

    folder = models.folder(model, config, stack) if model is not None else None
    if endpoint is not None:
        return _of_endpoint(endpoint, folder, config, stack)
    assert folder is not None
    contract = prepared.contract(folder)
    (tall, wide), (rows, columns) = contract.tile_shape, contract.overlap
    batch = max(1, min(TILES_AT_ONCE, MOST_PIXELS_AT_ONCE // ((tall + rows) * (wide + columns))))

    def predictor(layers: "Layers") -> "Predictor":
        from earthline import runtimes
        from earthline.local_map.predictors import OfRuntime

        return OfRuntime(runtimes.load(folder), layers)

    return Source(contract, prepared.digest(folder), str(model), prepared.proved_on(folder), batch, False, predictor)


def _of_endpoint(name: str, folder: Path | None, config: Path | None, stack: ExitStack) -> Source:
    from earthline.formats.served.contract import CONTRACT
    from earthline.formats.served.references import PROBE
    from earthline.local_map import addresses, endpoints
    from earthline.local_map import models as prepared
    from earthline.local_map.predictors import OfEndpoint

    if "://" in name:
        address = addresses.Address(name)
        contract = prepared.contract(folder) if folder is not None else address.contract()
        post, told = address.post, f"{address.url}"
    else:
        environment = models.enter(config)
        from earthline.vertex.connection import connect

        if environment is not None:
            connect(environment.project, environment.location)
        elif len(parts := name.split("/")) == 6 and parts[0] == "projects":
            connect(parts[1], parts[3])
        else:
            raise typer.BadParameter(
                "give the endpoint's whole name, projects/PROJECT/locations/LOCATION/endpoints/ID, or --config CONFIG "
                "for project and location",
                param_hint="--endpoint",
            )
        found = addresses.deployed(name)
        if folder is None:
            folder = models.download(found.artifact_uri, stack, CONTRACT, PROBE)
        contract = prepared.contract(folder)
        post, told = found.post, f"{found.endpoint.resource_name} {found.model}"
    batch = min(TILES_AT_ONCE, endpoints.most_tiles(contract, contract.max_payload_bytes))
    asked = endpoints.Endpoint(post, contract, f"the endpoint {name}")
    known = prepared.proved_on(folder) if folder is not None else None
    return Source(contract, told, told, known, batch, True, lambda layers: OfEndpoint(asked, layers))
