"""Classes of a draft: a name and a colour for each value that labels hold."""

import difflib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cli.drafts import usual_colors
from cli.drafts.answers import DraftError
from earthline.label_features import words

MOST = 255
"""Classes of a map."""
_ALIKE = 0.85
"""Likeness, 0 to 1, from which a rare word may be a slip of a usual one."""
_RARE = 3
"""Times as often as a slip its model is there at least."""
_PALETTE = (
    # Okabe and Ito 2008, Color Universal Design: told apart with any kind of colour blindness; black and the light
    # yellow come last, because they look like gaps.
    "#009e73",
    "#e69f00",
    "#0072b2",
    "#d55e00",
    "#56b4e9",
    "#cc79a7",
    "#f0e442",
    "#000000",
    # Tol 2021, Colour Schemes, "muted": for what comes after.
    "#332288",
    "#44aa99",
    "#882255",
    "#999933",
    "#88ccee",
    "#cc6677",
    "#117733",
    "#ddcc77",
    "#aa4499",
)
_GOLDEN = 0.618034
"""Turns around the circle of hues that keep any number of colours apart."""


@dataclass(frozen=True)
class DraftClass:
    """A class of the draft.

    Attributes:
        name: In maps and metrics.
        color: As #rrggbb.
        value: That the labels have for it.
        count: How often they do; None where nobody looked.
        also: The same word in other letters, such as FOREST beside Forest.
    """

    name: str
    color: str
    value: int | str
    count: float | None = None
    also: tuple[str, ...] = ()

    @property
    def values(self) -> list[int | str]:
        """All that mean the class."""
        return [self.value, *self.also]

    @property
    def section(self) -> dict[str, Any]:
        """As it stands in a config."""
        return {"name": self.name, "color": self.color, "values": self.values}


@dataclass(frozen=True)
class Known:
    """What an asset's properties say about its values.

    Attributes:
        names: By value.
        colors: #rrggbb by value.
    """

    names: Mapping[int, str] = field(default_factory=dict)
    colors: Mapping[int, str] = field(default_factory=dict)


def known(properties: Mapping[str, Any], band: str) -> Known:
    """Names and colours as Earth Engine's catalogue writes them into an asset's properties.

    Args:
        properties: Of the asset, or of one of its images.
        band: Of the labels.
    """
    values, names, palette = (properties.get(f"{band}_class_{key}", ()) for key in ("values", "names", "palette"))
    if not isinstance(values, Sequence) or isinstance(values, str):
        return Known()
    whole = [int(value) if isinstance(value, int | float) and float(value).is_integer() else None for value in values]

    def by_value(texts: Any) -> dict[int, str]:
        if not isinstance(texts, Sequence) or isinstance(texts, str) or len(texts) != len(whole):
            return {}
        return {value: str(text) for value, text in zip(whole, texts, strict=True) if value is not None}

    colors = {value: f"#{text.removeprefix('#').lower()}" for value, text in by_value(palette).items()}
    return Known(by_value(names), {value: text for value, text in colors.items() if _is_color(text)})


def drafted(counts: Mapping[Any, float], said: Known, where: str) -> tuple[DraftClass, ...]:
    """The classes for the values that labels hold, in their order; words that differ by case alone are one.

    Args:
        counts: How often each value is there.
        said: What properties say of values.
        where: What holds the values, for errors.

    Raises:
        DraftError: The values are no classes.
    """
    plain = [_plain(value) for value in counts]
    fractions = [value for value in plain if isinstance(value, float)]
    if fractions:
        shown = ", ".join(f"{value:g}" for value in sorted(fractions)[:5])
        raise DraftError(
            f"{where} holds numbers with fractions ({shown} …), which are no classes; name the band or field that "
            "holds classes, or write `ranges` of numbers into the config (docs/how-to/labels.md)"
        )
    values = [value for value in plain if not isinstance(value, float)]
    if not 2 <= len(values) <= MOST:
        held = "holds no value" if not values else f"holds {len(values):,} value(s): {', '.join(map(str, values[:5]))}"
        raise DraftError(
            f"{where} {held} in the region; a map has 2 to {MOST} classes: name other labels, or another region"
        )
    by_value, spellings = _gathered(dict(zip(values, counts.values(), strict=True)))
    values = list(by_value)
    if len(values) < 2:
        raise DraftError(f"{where} holds one class alone in the region: {values[0]}; name other labels")
    ordered = sorted(values, key=lambda value: (isinstance(value, str), value))
    taken: set[str] = set()
    used: set[str] = set(said.colors.values())
    names: dict[int | str, str] = {}
    for value in ordered:
        names[value] = _name(value, said, taken)
        taken.add(names[value].casefold())
    colors: dict[int | str, str] = {value: color for value, color in said.colors.items() if value in by_value}
    # Usual colours first, so that no class without one takes the blue of the water; before a slip its model.
    for value in sorted(ordered, key=lambda value: -by_value[value]):
        usual = usual_colors.color(names[value])
        if value not in colors and usual is not None and usual not in used:
            colors[value] = usual
            used.add(usual)
    free = [color for color in _PALETTE if color not in used]
    for place, value in enumerate(ordered):
        if value not in colors:
            colors[value] = free.pop(0) if free else _spread(place)
    return tuple(
        DraftClass(names[value], colors[value], value, by_value[value], spellings.get(value, ())) for value in ordered
    )


def near(found: Sequence[DraftClass]) -> Iterator[tuple[DraftClass, DraftClass]]:
    """Classes whose word may be a slip, each with the more frequent one that it may stand for.

    Args:
        found: Classes of one set of labels.
    """
    texts = sorted((each for each in found if isinstance(each.value, str)), key=lambda each: -(each.count or 0))
    for place, few in enumerate(texts):
        word, others = words.bare(few.value), {words.bare(many.value): many for many in reversed(texts[:place])}
        # Letters may go missing in a word that is rare beside its model; `plot 1` and `plot 2` are two words.
        usual = {bare: many for bare, many in others.items() if (many.count or 0) >= _RARE * (few.count or 0)}
        close = [] if re.search(r"\d", word) else difflib.get_close_matches(word, list(usual), n=1, cutoff=_ALIKE)
        if word in others or close:
            yield few, others[word if word in others else close[0]]


def placeholders() -> tuple[DraftClass, ...]:
    """Two classes that stand for those that nobody could look up."""
    return tuple(DraftClass(f"class {value}", _PALETTE[value - 1], value) for value in (1, 2))


def _gathered(
    counts: Mapping[int | str, float],
) -> tuple[dict[int | str, float], dict[int | str, tuple[str, ...]]]:
    """Counts by the most frequent spelling of each word, and its other spellings."""
    alike: dict[int | str, list[int | str]] = {}
    for value in counts:
        alike.setdefault(words.plain(value) if isinstance(value, str) else value, []).append(value)
    found: dict[int | str, float] = {}
    others: dict[int | str, tuple[str, ...]] = {}
    for spelled in alike.values():
        first, *rest = sorted(spelled, key=lambda value: (-counts[value], str(value)))
        found[first] = sum(counts[value] for value in spelled)
        if rest:
            others[first] = tuple(str(value) for value in rest)
    return found, others


def _name(value: int | str, said: Known, taken: set[str]) -> str:
    wanted = value if isinstance(value, str) else said.names.get(value, f"class {value}")
    name = " ".join("".join(letter if letter.isprintable() else " " for letter in wanted).split())[:60].strip()
    name = name or f"class {value!r}"
    if name.casefold() in taken:
        # Names that differ by case alone cannot be told apart in a legend.
        name = f"{name[:40]} ({value!r})"[:60]
    return name


def _plain(value: Any) -> int | float | str:
    if isinstance(value, str):
        return value
    number = float(value)
    return int(number) if number.is_integer() else number


def _is_color(text: str) -> bool:
    return re.fullmatch(r"#[0-9a-f]{6}", text) is not None


def _spread(place: int) -> str:
    """One of endlessly many colours: another hue, and one of three brightnesses, than its neighbours'."""
    hue, light = (place * _GOLDEN) % 1, (0.45, 0.65, 0.85)[place % 3]
    parts = (0.5 + 0.5 * math.cos(2 * math.pi * (hue - shift)) for shift in (0, 1 / 3, 2 / 3))
    return "#" + "".join(f"{round(255 * light * part):02x}" for part in parts)
