"""Collections loaded from assets."""

from collections.abc import Iterator

import orjson
from shapely.geometry import shape as shape_of

from earthline_sandbox.earthengine.functions.image.image_bands import image_of_record
from earthline_sandbox.earthengine.language.registry import Context, function
from earthline_sandbox.earthengine.records import AssetRecord
from earthline_sandbox.earthengine.values.values import INDEX, Collection, Feature, Geometry, LazySequence
from earthline_sandbox.errors import ApiError, invalid


@function("ImageCollection.load", ignores=("version",))
def load(context: Context, id: str) -> Collection:
    """The images of a collection asset, in the order of their ids."""
    try:
        record: AssetRecord | None = context.catalogue.get(id)
    except ApiError as error:
        if error.status != "NOT_FOUND":
            raise
        record = None
    if record is None or record.type not in ("IMAGE_COLLECTION", "FOLDER", "IMAGE"):
        raise invalid(
            f"ImageCollection.load: ImageCollection asset '{id}' not found "
            "(does not exist or caller does not have access)."
        )
    if record.type == "IMAGE":
        raise invalid(f"ImageCollection.load: Asset '{id}' is not an ImageCollection.")
    images = (image_of_record(image) for image in context.catalogue.images(id))
    return Collection(
        elements=LazySequence(images),
        kind="ImageCollection",
        properties=record.properties,
        id=record.id,
        version=record.version,
    )


@function("Collection.loadTable", ignores=("geometryColumn", "version"))
def load_table(context: Context, table_id: str) -> Collection:
    """The features of a table asset."""
    try:
        record: AssetRecord | None = context.catalogue.get(table_id)
    except ApiError as error:
        if error.status != "NOT_FOUND":
            raise
        record = None
    if record is None or record.features_path is None:
        raise invalid(
            f"Collection.loadTable: Collection asset '{table_id}' not found "
            "(does not exist or caller does not have access)."
        )
    path = record.features_path

    def features() -> Iterator[Feature]:
        for position, raw in enumerate(orjson.loads(path.read_bytes())["features"]):
            area = None if raw.get("geometry") is None else Geometry(shape_of(raw["geometry"]), geodesic=False)
            index = raw.get("id", raw.get("properties", {}).get(INDEX, position))
            yield Feature(geometry=area, properties={**(raw.get("properties") or {}), INDEX: str(index)})

    return Collection(
        elements=LazySequence(features()), properties=record.properties, id=record.id, version=record.version
    )
