"""`earthline init`: from a few answers to a config."""

import shlex
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from cli.launch import target
from cli.terminal import display

if TYPE_CHECKING:  # what drafts are made of loads pydantic and Google's client
    from rich.console import Console

    from cli.drafts.answers import Answers
    from cli.drafts.drafting import Drafted

Text = str | None


def init(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="YAML file to write; left out, NAME.yaml.")
    ] = None,
    name: Annotated[Text, typer.Option("--name", help="Name of the workflow; left out, made of the imagery's.")] = None,
    target_: Annotated[Text, typer.Option("--target", help="`sandbox`: this machine, no account; or `cloud`.")] = None,
    project: Annotated[Text, typer.Option("--project", help="Google Cloud project id, for cloud.")] = None,
    bucket: Annotated[Text, typer.Option("--bucket", help="Its bucket, without gs://.")] = None,
    location: Annotated[Text, typer.Option("--location", help="Vertex AI location; left out, us-central1.")] = None,
    image: Annotated[Text, typer.Option("--image", metavar="ASSET", help="Imagery: one image asset.")] = None,
    collection: Annotated[
        Text, typer.Option("--collection", metavar="ASSET", help="Imagery: a collection, of which a composite is made.")
    ] = None,
    ready: Annotated[
        Text, typer.Option("--ready", metavar="SOURCE", help="Imagery: a ready source, such as sentinel2 or landsat.")
    ] = None,
    bands: Annotated[
        Text, typer.Option("--bands", metavar="B2,B3,…", help="Bands; left out, those that show the ground.")
    ] = None,
    start: Annotated[
        Text, typer.Option("--start", metavar="DAY", help="First day of a collection, YYYY-MM-DD.")
    ] = None,
    end: Annotated[Text, typer.Option("--end", metavar="DAY", help="Day after the last one.")] = None,
    labels: Annotated[
        Text, typer.Option("--labels", metavar="ASSET", help="Labels: a raster, a collection of such, or a table.")
    ] = None,
    label_band: Annotated[Text, typer.Option("--label-band", metavar="BAND", help="Band of a label raster.")] = None,
    labels_file: Annotated[
        Path | None, typer.Option("--labels-file", metavar="FILE", help="Labels: points or polygons in a file.")
    ] = None,
    layer: Annotated[Text, typer.Option("--layer", help="Layer of that file, where it has several.")] = None,
    field: Annotated[
        Text, typer.Option("--field", help="Field of a file or a table that holds the class, or the value.")
    ] = None,
    value: Annotated[
        Text,
        typer.Option(
            "--value", metavar="NAME", help="Labels are a continuous value of this name; so are labels with fractions."
        ),
    ] = None,
    unit: Annotated[Text, typer.Option("--unit", help="Unit of that value, such as m.")] = None,
    region: Annotated[
        Text,
        typer.Option(
            "--region", metavar="W,S,E,N|FILE|ASSET", help="Where to work: degrees, a vector file, or a table's id."
        ),
    ] = None,
    crs: Annotated[Text, typer.Option("--crs", help="CRS of the map; left out, the image's or the UTM zone.")] = None,
    scale: Annotated[float | None, typer.Option("--scale", help="Size of a pixel in units of the CRS.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    online: Annotated[
        bool | None,
        typer.Option("--online/--offline", help="Look at the data in Earth Engine; left out, where it can be reached."),
    ] = None,
) -> None:
    """Write a config: asks a few questions, or takes flags, and looks at the data where it can."""
    from cli.drafts.answers import Answers

    answers = Answers(
        name=name or "",
        target=target_ or "",
        project=project or "",
        bucket=(bucket or "").removeprefix("gs://"),
        location=location or "",
        image=image or "",
        collection=collection or "",
        ready=ready or "",
        bands=tuple(band.strip() for band in (bands or "").split(",") if band.strip()),
        start=start or "",
        end=end or "",
        labels=labels or "",
        label_band=label_band or "",
        labels_file=str(labels_file or ""),
        layer=layer or "",
        field=field or "",
        value=value or "",
        unit=unit or "",
        region=region or "",
        crs=crs or "",
        scale=scale or 0.0,
    )
    _run(answers, file, force=force, online=online)


def _run(answers: "Answers", file: Path | None, *, force: bool, online: bool | None) -> None:
    from cli.drafts import drafting, sources, text
    from cli.drafts.questions import Questions

    console = display.on_output()
    answers.require_clear()
    _require_free(file, force)
    asks = Questions(answers, console) if sys.stdin.isatty() and sys.stdout.isatty() else None
    if asks is not None and not answers.target:
        asks.target()
        # The command may start anew to reach the sandbox, and must not ask twice.
        sys.argv += ["--target", answers.target]
    answers.settle_target()
    if asks is None:
        _require(answers.missing(), f"or start `earthline init` on a terminal{_region_of(answers)}")
    looks = _enter(answers, online)
    if asks is not None:
        asks.imagery()
    usual = sources.look(answers) if looks else ()
    if asks is not None:
        asks.details(usual)
        asks.labels()
    answers.bands = answers.bands or usual
    seen = sources.look_at_labels(answers) if looks and answers.labels else sources.LabelsSeen()
    if asks is not None:
        asks.values(seen)
    _require(answers.missing(), "")
    _require(
        answers.unknown(seen.is_table),
        "" if looks else "or let Earth Engine be asked: `earthline sandbox start`, --online",
    )
    answers.settle(file)
    if asks is not None:
        asks.name()
    path = file or Path(f"{answers.name}.yaml")
    _require_free(path, force)
    # Files are named relative to the config's folder, which has to be there to be left by `..`.
    path.parent.mkdir(parents=True, exist_ok=True)
    with console.status("looking at imagery and labels"):
        found = drafting.drafted(answers, path.parent, seen, online=looks)
    path.write_text(text.written(found.draft, str(path)), encoding="utf-8")
    _tell(path, found, console, looks)


def _region_of(answers: "Answers") -> str:
    """Where the labels lie, in words, for whoever has not said where to work; empty where that is not known."""
    from cli.drafts.answers import DraftError

    if answers.region or not (answers.is_of_many_images and answers.labels_file and answers.field):
        return ""
    from cli.drafts import extent

    try:
        return f"; {extent.around(Path(answers.labels_file), answers.field, answers.layer or None).told}"
    except DraftError:
        return ""


def _enter(answers: "Answers", online: bool | None) -> bool:
    """Reaches Earth Engine where it can be reached; True then."""
    if online is False:
        return False
    from cli.drafts.drafting import environment_of

    environment = environment_of(answers)
    if not online and not target.is_reachable(environment):
        return False
    target.enter(environment)
    from earthline.earth_engine import connection

    connection.connect(environment.project)
    return True


def _require(missing: Iterable[str], other: str) -> None:
    from cli.drafts.answers import DraftError

    flags = list(missing)
    if flags:
        more = f", {other}" if other else ""
        raise DraftError(f"not given: {', '.join(flags)}; give {'it' if len(flags) == 1 else 'them'} as flags{more}")


def _require_free(path: Path | None, force: bool) -> None:
    from cli.drafts.answers import DraftError

    if path is not None and path.exists() and not force:
        raise DraftError(f"{path} is there already; --force writes over it, or name another file")


def _tell(path: Path, found: "Drafted", console: "Console", looked: bool) -> None:
    draft = found.draft
    console.print(f"[green]✓[/] {escape(str(path))} is written", highlight=False, soft_wrap=True)
    if not looked:
        console.print("- Earth Engine was not asked, so some of it is a guess", highlight=False, soft_wrap=True)
    if draft.value:
        unit = f" {draft.value['unit']}" if "unit" in draft.value else ""
        low, high = draft.value["range"]
        told = f"a continuous value: {draft.value['name']}, {low:g} to {high:g}{unit}"
    else:
        told = f"{len(draft.classes)} classes: {', '.join(each.name for each in draft.classes)}"
    console.print(f"  {escape(told)}", highlight=False, soft_wrap=True)
    for mark, lines in (("[yellow]note[/]", found.notes), ("[bold yellow]edit[/]", found.to_do)):
        for line in lines:
            console.print(f"  {mark} {escape(line)}", highlight=False, soft_wrap=True)
    console.print(f"next: earthline preview {escape(shlex.quote(str(path)))}", highlight=False, soft_wrap=True)
