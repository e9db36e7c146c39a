"""Questions at the terminal, for what no flag said."""

from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.prompt import Prompt

from cli.drafts import features
from cli.drafts.answers import LABELS_SUFFIXES, NAME, READY_SCALES, Answers, file_instead
from cli.drafts.sources import LabelsSeen


class Questions:
    """Asks for what is missing, and for nothing else."""

    def __init__(self, answers: Answers, console: Console) -> None:
        """Begins.

        Args:
            answers: Are filled in.
            console: Where to ask.
        """
        self._answers, self._console = answers, console
        self._asked = False

    def target(self) -> None:
        """Where it shall run."""
        self._choice("target", "Where shall it run?", {"sandbox": "this machine, no account", "cloud": "Google Cloud"})
        if self._answers.target == "cloud":
            self._text("project", "Google Cloud project id")
            self._text("bucket", "Cloud Storage bucket, without gs://")

    def imagery(self) -> None:
        """Which imagery."""
        answers = self._answers
        if not (answers.image or answers.is_of_many_images):
            kinds = {
                "image": "one image asset",
                "collection": "a collection, of which a composite is made",
                "ready": "a ready source by name",
            }
            chosen = self._ask("What is the imagery?", list(kinds), "image", kinds)
            if chosen == "ready":
                answers.ready = self._ask("Which ready source?", list(READY_SCALES), "sentinel2")
            else:
                setattr(answers, chosen, self._ask(f"Asset id of the {chosen}", right=partial(file_instead, chosen)))

    def details(self, usual_bands: Sequence[str]) -> None:
        """Bands, dates and region.

        Args:
            usual_bands: Offered; empty where nobody knows them.
        """
        answers = self._answers
        if not answers.bands and not answers.ready:
            given = self._ask("Bands, with commas between them", default=",".join(usual_bands) or None)
            answers.bands = tuple(band.strip() for band in given.split(",") if band.strip())
        if answers.needs_dates:
            self._text("start", "First day, YYYY-MM-DD", _is_day)
            self._text("end", "Day after the last one, YYYY-MM-DD", _is_day)
        if answers.is_of_many_images:
            self._text("region", "Region: WEST,SOUTH,EAST,NORTH in degrees, a vector file, or a table's id")
        if answers.collection and not answers.scale:
            answers.scale = float(self._ask("Size of a pixel in metres", default="10", right=_is_number))

    def labels(self) -> None:
        """Which labels."""
        answers = self._answers
        if answers.labels or answers.labels_file:
            return
        given = self._ask("Labels: an asset's id, or a file with points or polygons", right=_is_source_of_labels)
        if given.lower().endswith(LABELS_SUFFIXES):
            answers.labels_file = given
        else:
            answers.labels = given

    def values(self, seen: LabelsSeen) -> None:
        """Which band or field of the labels holds the class.

        Args:
            seen: What is known of the labels' asset.
        """
        answers = self._answers
        if answers.labels and not seen.is_table and not answers.field and not answers.label_band:
            answers.label_band = self._ask("Band that holds the class, or the value", list(seen.bands) or None)
        if (seen.is_table or answers.labels_file) and not answers.field:
            layers = features.layers(Path(answers.labels_file)) if answers.labels_file else ()
            if len(layers) > 1 and not answers.layer:
                answers.layer = self._ask("Layer of the file", list(layers))
            there = features.fields(Path(answers.labels_file), answers.layer) if answers.labels_file else ()
            answers.field = self._ask("Field that holds the class, or the value", list(there) or None)

    def name(self) -> None:
        """What to call it, where anything had to be asked at all."""
        if self._asked:
            self._answers.name = self._ask("Name of the workflow", default=self._answers.name, right=_is_name)

    def _text(self, key: str, question: str, right: Callable[[str], str] | None = None) -> None:
        if not getattr(self._answers, key):
            setattr(self._answers, key, self._ask(question, right=right))

    def _choice(self, key: str, question: str, choices: dict[str, str]) -> None:
        if not getattr(self._answers, key):
            setattr(self._answers, key, self._ask(question, list(choices), next(iter(choices)), choices))

    def _ask(
        self,
        question: str,
        choices: list[str] | None = None,
        default: str | None = None,
        meanings: dict[str, str] | None = None,
        right: Callable[[str], str] | None = None,
    ) -> str:
        """Asks until there is an answer that can be used."""
        self._asked = True
        for choice, meaning in (meanings or {}).items():
            self._console.print(f"  [bold]{choice}[/]: {meaning}", highlight=False)
        while True:
            given = Prompt.ask(question, console=self._console, choices=choices, default=default or ...)
            given = str(given).strip() if given is not ... else ""
            problem = "an answer is needed" if not given else right(given) if right else ""
            if not problem:
                return given
            self._console.print(f"  [red]{problem}[/]", highlight=False)


def _is_source_of_labels(text: str) -> str:
    if text.lower().endswith(LABELS_SUFFIXES):
        return "" if Path(text).is_file() else f"{text} is not there; check the name"
    return file_instead("labels", text)


def _is_day(text: str) -> str:
    try:
        date.fromisoformat(text)
    except ValueError:
        return "write it as 2021-04-01"
    return "" if len(text) == 10 else "write it as 2021-04-01"


def _is_name(text: str) -> str:
    return "" if NAME.fullmatch(text) else "3 to 42 lower-case letters, digits and dashes, a letter first"


def _is_number(text: str) -> str:
    try:
        return "" if float(text) > 0 else "a number above 0"
    except ValueError:
        return "a number above 0"
