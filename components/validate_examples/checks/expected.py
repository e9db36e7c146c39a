"""The examples against the schema that is kept with the config, and the schema that a first run proposes."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import yaml

from components.validate_examples.findings import Findings
from components.validate_examples.statistics.sketches import Sketches
from components.validate_examples.statistics.split import SplitStatistics
from earthline.config.sections.validation import BandSchema, ExampleSchema, ShareRange
from earthline.formats.manifest import Manifest
from earthline.task.labels import LabelStatistics

Array = np.ndarray[Any, Any]

ENDS = (0.001, 0.999)
"""Quantiles that a proposed range begins with: single odd pixels say nothing of a band."""
MARGIN = 0.25
"""Share of a band's range by which the proposed one is wider at each end: other scenes are not the same."""
_DIGITS = 3
"""Digits of the numbers in a proposed schema: it is for people to read and change."""
_HEAD = """\
# What examples of this workflow hold: proposed from one run, for you to read and change.
# Keep it beside the config and name it there:
#
#   validation:
#     schema_file: schema.yaml
#
# Later runs are compared with it. Bands: values beyond minimum and maximum are a warning up to the share `outside`,
# more of them fail the run. `masked` and `unlabelled` are the largest shares of a split's pixels, `labels` the shares
# of the labelled ground. A range is wider than what was seen, as other dates and places are not the same.
"""


def limits(expected: ExampleSchema | None, manifest: Manifest) -> tuple[Array, Array] | None:
    """Least and largest value that is expected of each band, (bands,) each; None without a schema.

    Args:
        expected: The schema.
        manifest: The dataset's.
    """
    if expected is None:
        return None
    of_bands = [expected.bands.get(band) for band in manifest.bands]
    low = np.array([-np.inf if each is None else each.minimum for each in of_bands])
    return low, np.array([np.inf if each is None else each.maximum for each in of_bands])


def check(
    expected: ExampleSchema,
    manifest: Manifest,
    statistics: Mapping[str, SplitStatistics],
    strata: Mapping[str, float],
    findings: Findings,
) -> None:
    """Compares the examples with the schema.

    Args:
        expected: The schema.
        manifest: The dataset's.
        statistics: By split.
        strata: Share of each stratum in the labelled ground, by name.
        findings: Where they are noted.
    """
    _check_form(expected, manifest, findings)
    for split, of_split in statistics.items():
        if not of_split.pixels:
            continue
        _check_ranges(expected, manifest, split, of_split, findings)
        for key, count, most in (
            ("masked", of_split.masked, expected.masked),
            ("unlabelled", of_split.unlabelled, expected.unlabelled),
        ):
            share = count / of_split.pixels
            if share > most:
                findings.warning(
                    f"{key} pixels",
                    f"{split}: {100 * share:.1f} % of the pixels are {key}, the schema expects at most "
                    f"{100 * most:.3g} %; look at the imagery's dates and masks, or raise `{key}` in the schema",
                )
    for name, share in strata.items():
        if name not in expected.labels:
            if expected.labels:
                findings.error("expected", f"'{name}' is not among the schema's labels; add it, or correct data.labels")
            continue
        wanted = expected.labels[name]
        if not wanted.least <= share <= wanted.most:
            findings.warning(
                "label shares",
                f"'{name}' has {100 * share:.2g} % of the labelled ground, the schema expects {100 * wanted.least:.3g} "
                f"to {100 * wanted.most:.3g} %; look at the labels, or change `labels.{name}` in the schema",
            )
    for name in expected.labels:
        if name not in strata:
            findings.error(
                "expected", f"the schema's label '{name}' is none of data.labels; remove it there, or add it"
            )


def proposed(
    manifest: Manifest,
    statistics: Mapping[str, SplitStatistics],
    sketches: Sketches,
    strata: Mapping[str, float],
) -> ExampleSchema | None:
    """What a first run would expect of later ones; None where a band has no value.

    Args:
        manifest: The dataset's.
        statistics: By split.
        sketches: Of all splits.
        strata: Share of each stratum in the labelled ground, by name.
    """
    bands = {}
    for index, band in enumerate(manifest.bands):
        low, high = sketches.band(index).quantiles(np.array(ENDS)).tolist()
        if not math.isfinite(low):
            return None
        margin = MARGIN * (high - low)
        low, high = _rounded(low - margin, math.floor), _rounded(high + margin, math.ceil)
        if np.dtype(manifest.data_type).kind in "iu":
            kind = np.iinfo(manifest.data_type)
            low, high = max(math.floor(low), kind.min), min(math.ceil(high), kind.max)
        bands[band] = BandSchema(data_type=manifest.data_type, minimum=low, maximum=high)
    masked = max(of_split.masked / max(of_split.pixels, 1) for of_split in statistics.values())
    unlabelled = max(of_split.unlabelled / max(of_split.pixels, 1) for of_split in statistics.values())
    return ExampleSchema(
        patch_shape=manifest.patch_shape,
        bands=bands,
        masked=_wider(masked),
        unlabelled=_wider(unlabelled),
        labels={
            name: ShareRange(least=_rounded(share / 2, math.floor), most=min(1.0, _rounded(2 * share, math.ceil)))
            for name, share in strata.items()
        },
    )


def text(schema: ExampleSchema) -> str:
    """The schema as the YAML that people read and `validation.schema_file` takes."""
    plain = schema.model_dump(mode="json")
    lines = []
    for key, value in plain.items():
        if isinstance(value, dict) and value:
            lines.append(f"{key}:")
            lines += [f"  {_scalar(name)}: {_flow(each)}" for name, each in value.items()]
        elif value is not None:
            lines.append(f"{key}: {_flow(value)}")
    return _HEAD + "\n".join(lines) + "\n"


def shares(ground: Mapping[str, LabelStatistics], names: tuple[str, ...]) -> dict[str, float]:
    """Share of each stratum in the labelled ground of all splits, by name; nothing where no pixel has a label.

    Args:
        ground: By split.
        names: Of the strata.
    """
    counts = np.sum([of_split.by_stratum for of_split in ground.values()], axis=0)
    total = counts.sum()
    return dict(zip(names, (counts / total).tolist(), strict=True)) if total else {}


def _check_form(expected: ExampleSchema, manifest: Manifest, findings: Findings) -> None:
    bands = tuple(expected.bands)
    if bands != manifest.bands:
        missing = [band for band in bands if band not in manifest.bands]
        more = [band for band in manifest.bands if band not in bands]
        told = [
            *([f"{', '.join(missing)} missing"] if missing else []),
            *([f"{', '.join(more)} not expected"] if more else []),
        ] or [f"their order is {', '.join(manifest.bands)}, not {', '.join(bands)}"]
        findings.error(
            "expected",
            f"bands: {'; '.join(told)}; correct data.imagery, or `bands` in the schema",
            band=(missing or more or [""])[0],
        )
    for band, wanted in expected.bands.items():
        if band in manifest.bands and wanted.data_type != manifest.data_type:
            findings.error(
                "expected",
                f"band {band} is {manifest.data_type}, the schema expects {wanted.data_type}; correct "
                "data.imagery.data_type, or the schema",
                band=band,
            )
    if expected.patch_shape is not None and expected.patch_shape != manifest.patch_shape:
        findings.warning(
            "expected",
            f"patches are {list(manifest.patch_shape)} pixels, the schema expects {list(expected.patch_shape)}; "
            "correct export.patch_shape, or `patch_shape` in the schema",
        )


def _check_ranges(
    expected: ExampleSchema, manifest: Manifest, split: str, of_split: SplitStatistics, findings: Findings
) -> None:
    outside = of_split.outside
    for index, band in enumerate(manifest.bands):
        first, wanted = outside.first[index], expected.bands.get(band)
        if first is None or wanted is None:
            continue
        share = int(outside.values[index]) / max(1, int(of_split.moments.count[index]))
        shard = manifest.splits[split].shards[first.shard].name
        note = findings.error if share > wanted.outside else findings.warning
        note(
            "range",
            f"{shard}, record {first.example}: band {band} holds {first.value:g}, the schema expects "
            f"{wanted.minimum:g} to {wanted.maximum:g}; in {split} {int(outside.examples[index]):,} patches hold such "
            f"values, {100 * share:.2g} % of its pixels (at most {100 * wanted.outside:.2g} % are only a warning); "
            "look at the imagery, or widen the range in the schema",
            shard=shard,
            example=first.example,
            band=band,
        )


def _rounded(value: float, how: Any) -> float:
    if value == 0 or not math.isfinite(value):
        return 0.0
    step = 10.0 ** (math.floor(math.log10(abs(value))) - _DIGITS + 1)
    return float(f"{how(value / step) * step:.{_DIGITS}g}")


def _wider(share: float) -> float:
    """A share that leaves room: twice as much and a hundredth more."""
    return min(1.0, round(2 * share + 0.01, 2))


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        value = {key: _plain(each) for key, each in value.items()}
    value = _plain(value)
    # A mapping on one line makes a table of several.
    text: str = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10_000, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")


def _plain(value: Any) -> Any:
    """A number as people write it: 255, and not 255.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _scalar(name: str) -> str:
    return _flow(name)
