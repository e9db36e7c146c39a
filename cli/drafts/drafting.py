"""From answers to a draft, with what Earth Engine tells where it can be asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cli.drafts import extent, meaning, provisional, shapes, survey
from cli.drafts.answers import Answers, beside
from cli.drafts.provisional import Said
from cli.drafts.shapes import Shapes
from cli.drafts.sources import LabelsSeen
from cli.drafts.text import Draft
from cli.drafts.values import DraftValue
from earthline import __version__, tile_plan
from earthline.config import Data, Environment, Train
from earthline.earth_engine import imagery
from earthline.earth_engine.imagery import data_types
from earthline.grid import Grid

_STAND_IN = {"image": "users/nobody/labels", "band": "labels"}
"""Labels while their classes are not known: the grid does not depend on them."""
_DEEPEST = 3
"""Of a U-Net, where nothing tells how large patches are."""


@dataclass(frozen=True)
class Drafted:
    """A draft and what is to be said of it.

    Attributes:
        draft: What the text says.
        to_do: What is to be edited, a line each.
        notes: What one should know, a line each.
    """

    draft: Draft
    to_do: tuple[str, ...]
    notes: tuple[str, ...]


def environment_of(answers: Answers) -> Environment:
    """The section `environment`.

    Args:
        answers: With a target.

    Raises:
        DraftError: A project, bucket or location that cannot be one.
    """
    try:
        return Environment.model_validate(_environment(answers))
    except ValidationError as error:
        raise provisional.mistaken(error, _environment(answers)) from error


def drafted(answers: Answers, folder: Path, seen: LabelsSeen, *, online: bool) -> Drafted:
    """Makes the draft.

    Args:
        answers: Complete.
        folder: Of the config.
        seen: What is known of the labels' asset.
        online: Whether Earth Engine can be asked.

    Raises:
        DraftError: No config can be made of this.
        ImageryError: Earth Engine refuses.
        PixelsError: It does not answer.
    """
    said = Said()
    labels, place = _labels(answers, folder, seen), _place(answers, folder, said)
    data = provisional.config(answers, {**_STAND_IN, "classes": meaning.STAND_INS}, place, folder).data
    if data.grid_told and "scale" in place:
        said.remarks["data.scale"] = f"metres of a pixel, in {data.grid_told}"
    grid = imagery.grid(data) if online else None
    if grid is not None:
        said.remarks["data.imagery"] = f"{grid.shape[0]:,} x {grid.shape[1]:,} pixels of {grid.crs_name}"
    counted = "pixels" if "band" in labels else "features"
    found = meaning.of_labels(answers, seen, labels, place, folder, grid, said)
    known, value = ((), found.section) if isinstance(found, DraftValue) else (found, {})
    if isinstance(found, DraftValue) and found.ignore:
        labels["ignore"] = list(found.ignore)
    described = {**labels, **({"value": value} if value else {"classes": meaning.sections_of(known)})}
    data = provisional.config(answers, described, place, folder).data
    section = answers.imagery_section(_data_type(data, grid, said))
    _remark_environment(answers, said)
    _remark_imagery(section, said)
    chosen = shapes.choose(data, grid) if grid is not None else None
    content = {"name": answers.name, "data": {"imagery": section, "labels": described, **place}}
    model, sees, serving = _fitted(content, folder, chosen.depth if chosen else _DEEPEST)
    said.remarks["train.model"] = "each of these is trained; the cheapest that is as good as the best makes the map"
    said.remarks["train.model.network"] = f"sees {sees} pixels in each direction"
    if serving:
        said.remarks["serving.seams"] = "with so many bands, tiles have no room for all that the model sees"
    draft = Draft(
        name=answers.name,
        environment=_environment(answers),
        imagery=section,
        labels=labels,
        classes=known,
        counted=counted,
        place=place,
        export=_export(chosen, said),
        model=model,
        serving=serving,
        value=value,
        remarks=said.remarks,
    )
    provisional.validated(draft.content(), folder)
    return Drafted(draft, tuple(said.to_do), tuple(said.notes))


def _labels(answers: Answers, folder: Path, seen: LabelsSeen) -> dict[str, Any]:
    if answers.labels_file:
        file = {"file": beside(Path(answers.labels_file), folder, "--labels-file")}
        return file | ({"layer": answers.layer} if answers.layer else {}) | {"field": answers.field}
    if seen.is_table or (not seen.kind and answers.field):
        return {"table": answers.labels, "field": answers.field}
    key = "collection" if seen.kind == survey.COLLECTION else "image"
    return {key: answers.labels, "band": answers.label_band}


def _place(answers: Answers, folder: Path, said: Said) -> dict[str, Any]:
    place: dict[str, Any] = {}
    region = answers.region_section(folder)
    if region is not None:
        place["region"] = dict(region)
        said.remarks["data.region"] = "degrees" if "west" in region else "outside of it nothing is learned and mapped"
        if "file" in region and (metres := extent.simplification(folder / region["file"])):
            place["region"]["simplify"] = metres
            said.notes.append(f"data.region: {region['file']} has many corners, and may move by {metres:g} m for fewer")
        if answers.labels_file and Path(answers.region) == Path(answers.labels_file):
            around = extent.around(Path(answers.labels_file), answers.field, answers.layer or None)
            said.notes.append(f"data.region: nothing but the labels is mapped; to map all around them: {around.told}")
    if answers.crs:
        place["crs"] = answers.crs
    if answers.scale and (answers.crs or answers.is_of_many_images):
        place["scale"] = answers.scale
        said.remarks["data.scale"] = "size of a pixel in units of the CRS"
    return place


def _data_type(data: Data, grid: Grid | None, said: Said) -> str:
    if grid is None:
        said.remarks["data.imagery.data_type"] = "the run takes the smallest type that holds every value"
        return "auto"
    said.remarks["data.imagery.data_type"] = "the smallest that holds every value"
    return data_types.fitting(data, grid)


def _remark_imagery(section: Mapping[str, Any], said: Said) -> None:
    said.remarks["data.imagery.bands"] = "what the model sees, in this order"
    if "end" in section:
        said.remarks["data.imagery.end"] = "the day after the last one"
    if "cloud_mask" in section:
        said.remarks["data.imagery.cloud_mask"] = "clouds are neither learned nor mapped"
    if "max_cloud_percent" in section:
        said.remarks["data.imagery.max_cloud_percent"] = "scenes that are mostly cloud cost time and give little"


def _export(chosen: Shapes | None, said: Said) -> dict[str, Any]:
    said.remarks["export.patch_shape"] = "one training example, in pixels (height, width)"
    if chosen is None:
        said.remarks["export.block_shape"] = "dealt to train, validation and test as a whole; aim at 20 or more"
        said.to_do.append("export: patches and blocks that suit the region's size (docs/how-to/choose-shapes.md)")
        return {"patch_shape": [64, 64], "block_shape": [256, 256]}
    said.remarks["export.block_shape"] = f"{chosen.blocks:,} blocks, dealt to the splits as a whole"
    said.remarks["export.examples"] = "at most; twice the ground of a split where that is less"
    for split, names in chosen.absent.items():
        if names:
            said.notes.append(
                f"export: no patch of {split} would be centred on {', '.join(names)}: there is little of it, or it "
                "lies together; merge it with another class, or give export.split_regions"
            )
    if chosen.blocks < shapes.MANY_BLOCKS:
        said.notes.append(f"export: {chosen.blocks} blocks are few; accuracies will have wide intervals")
    return {
        "patch_shape": [chosen.patch, chosen.patch],
        "block_shape": [chosen.block, chosen.block],
        "examples": dict(chosen.examples),
    }


def _environment(answers: Answers) -> dict[str, Any]:
    if answers.target != "cloud":
        return {"target": answers.target}
    location = answers.location or "us-central1"
    return {
        "target": "cloud",
        "project": answers.project,
        "location": location,
        "bucket": answers.bucket,
        "image": f"{location}-docker.pkg.dev/{answers.project}/earthline/earthline:{__version__}",
    }


def _remark_environment(answers: Answers, said: Said) -> None:
    if answers.target == "cloud":
        said.remarks["environment.location"] = "Vertex AI, bucket and registry all in one place"
        said.remarks["environment.image"] = "build and push it first: containers/README.md"
        said.to_do.append("environment.image: push an image under this name, or write the name of yours")
    else:
        said.remarks["environment.target"] = "Google on this machine: no account, no cost"


def _fitted(content: Mapping[str, Any], folder: Path, depth: int) -> tuple[dict[str, Any], int, dict[str, Any]]:
    """The model whose network sees most, up to the depth that is wanted, of those whose tiles fit into a request.

    Args:
        content: Of the config, without a model.
        folder: Of the config.
        depth: Of a U-Net, that is wanted.

    Returns:
        Section `train.model`, pixels that its network sees in each direction, and the section `serving`: empty but
        where not even a depth of 1 sees little enough.
    """
    serving: dict[str, Any] = {"seams": "allowed"}

    def fits(model: Mapping[str, Any]) -> bool:
        config = provisional.validated({**content, "train": {"model": model}, "serving": serving}, folder)
        return tile_plan.best(config.sight, config.wire, config.serving.overlap_reading) is not None

    models = [_model(less) for less in range(depth, 0, -1)]
    found = next(filter(fits, models), None)
    model = found or models[-1]
    network = Train.model_validate({"model": model["candidates"][-1]}).model
    return model, network.receptive_field // 2, {} if found else serving


def _model(depth: int) -> dict[str, Any]:
    """Trees, and a network of a U-Net's depth, which sees further by its windows where patches are large enough."""
    network = {"name": "context_unet", "depth": depth - 1} if depth > 1 else {"name": "unet", "depth": 1}
    return {"name": "auto", "candidates": [{"name": "random_forest"}, {"name": "gradient_boosting"}, network]}
