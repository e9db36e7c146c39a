"""The assets that were named: whether they are there, of which kind they are, and which bands they have."""

from dataclasses import dataclass

from cli.drafts import survey
from cli.drafts.answers import Answers, DraftError
from earthline.earth_engine.imagery.sources import clouds


@dataclass(frozen=True)
class LabelsSeen:
    """What Earth Engine tells of the labels' asset.

    Attributes:
        kind: `IMAGE`, `IMAGE_COLLECTION` or `TABLE`.
        bands: Of a raster.
        fractions: Those of the bands that may hold fractions.
    """

    kind: str = ""
    bands: tuple[str, ...] = ()
    fractions: tuple[str, ...] = ()

    @property
    def is_table(self) -> bool:
        """True for points and polygons."""
        return self.kind == survey.TABLE


def look(answers: Answers) -> tuple[str, ...]:
    """Looks at the imagery, and fills in the size of its pixels and how its clouds can be masked.

    Args:
        answers: With the imagery.

    Returns:
        Names of the bands that show the ground; none for a ready source, which knows its own.

    Raises:
        DraftError: An asset or a band is not there, or an asset is not of the kind that its flag says.
        ImageryError: Earth Engine refuses.
        PixelsError: It does not answer.
    """
    asset, flag = (answers.image, "image") if answers.image else (answers.collection, "collection")
    if not asset:
        return ()
    kind = survey.kind(asset, f"--{flag}")
    if kind != (survey.IMAGE if answers.image else survey.COLLECTION):
        better = {survey.IMAGE: "; use --image", survey.COLLECTION: "; use --collection"}.get(kind, "")
        raise DraftError(f"--{flag}: {asset} is an asset of type {kind}{better}")
    found = survey.bands(asset, kind == survey.COLLECTION, f"data.imagery.{flag}")
    unknown = [band for band in answers.bands if band not in found.types]
    if unknown:
        raise DraftError(f"--bands: {', '.join(unknown)} not in {asset}, which has {', '.join(found.types)}")
    answers.quality = next((mask for mask, band in clouds.BANDS.items() if band in found.types), "")
    if answers.collection:
        answers.scale = answers.scale or float(round(found.metres) or found.metres)
    return found.usual


def look_at_labels(answers: Answers) -> LabelsSeen:
    """Looks at the labels' asset, and fills in its band where there is one alone.

    Args:
        answers: With the id of the asset.

    Raises:
        DraftError: There is none, or it has no such band.
        ImageryError: Earth Engine refuses.
        PixelsError: It does not answer.
    """
    kind = survey.kind(answers.labels, "--labels")
    if kind == survey.TABLE:
        if answers.label_band:
            raise DraftError(f"--label-band: {answers.labels} is a table; give --field instead")
        return LabelsSeen(kind, ())
    if answers.field:
        raise DraftError(f"--field: {answers.labels} is a raster; give --label-band instead")
    types = survey.bands(answers.labels, kind == survey.COLLECTION, "data.labels").types
    names = tuple(types)
    if answers.label_band and answers.label_band not in names:
        raise DraftError(f"--label-band: {answers.label_band} not in {answers.labels}, which has {', '.join(names)}")
    if len(names) == 1:
        answers.label_band = names[0]
    return LabelsSeen(kind, names, tuple(name for name in names if types[name].startswith(("float", "double"))))
