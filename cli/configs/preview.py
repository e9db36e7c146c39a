"""`earthline preview`: imagery, labels and splits on one page, before anything is exported."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from cli.launch import target
from cli.launch.preparation import bring_data
from cli.terminal import display, failures, findings
from cli.terminal.options import ConfigPath, Overrides, SeedData

if TYPE_CHECKING:  # these modules load Google's client
    from rich.console import Console

    from components.export_examples.preview import Preview
    from earthline.config import Config
    from earthline.finding import Finding

_NEEDED = ("Earth Engine", "imagery", "labels", "grid")
"""Findings without which there is nothing to show."""


def preview(
    config: ConfigPath,
    overrides: Overrides = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="HTML file to write; left out, NAME-preview.html.")
    ] = None,
    seed_data: SeedData = True,
) -> None:
    """Show imagery, labels and splits on one HTML page, before anything is exported."""
    from earthline.config import load

    settings = load(config, overrides or ())
    path = output or Path(f"{settings.name}-preview.html")
    examples = settings.data.examples
    if examples is not None:
        if any(name.startswith("gs://") for names in examples.patterns.values() for name in names):
            target.enter(settings.environment)
        _existing(settings, path)
        return
    target.enter(settings.environment)
    console = display.on_output()
    # What a file held besides labels is one of the findings.
    bring_data(settings, console, seed_data=seed_data, notes=False)
    found = []
    for finding in _findings(settings):
        findings.show(finding, console)
        found.append(finding)
    failed = [finding.name for finding in found if finding.passed is False]
    if any(name in _NEEDED for name in failed):
        console.print(f"no page: {failed[0]} has to be right first", highlight=False)
        raise typer.Exit(failures.NOT_STARTED)
    with console.status("looking at imagery, labels and splits"):
        seen = _write(settings, found, path)
    _tell(seen, console)
    console.print(f"page: {escape(str(path))}", soft_wrap=True, highlight=False)
    raise typer.Exit(failures.NOT_STARTED if failed or seen.problem else 0)


def _existing(settings: "Config", path: Path) -> None:
    """Shows examples made elsewhere."""
    from components.export_examples.existing import preview as previews
    from earthline.config import ConfigError
    from earthline.task import task_of

    console = display.on_output()
    try:
        with console.status("reading the examples"):
            seen = previews.look(settings.data, settings.export, settings.environment.project)
    except (ValueError, OSError) as error:
        raise ConfigError(str(error)) from error
    previews.write(path, settings.name, settings.data, seen)
    table = Table(box=None, pad_edge=False, expand=False)
    table.add_column("pixels of", no_wrap=True)
    for split in seen.counts:
        table.add_column(split, justify="right", no_wrap=True)
    for place, name in enumerate(task_of(settings.data).strata):
        counts = (mine[place] for mine in seen.counts.values())
        table.add_row(escape(name), *(f"{count:,}" if count else "[red]0[/]" for count in counts))
    table.add_row("patches", *(f"{seen.manifest.splits[split].examples:,}" for split in seen.counts), style="bold")
    display.print_whole(table, console)
    for note in (*seen.notes, seen.manifest.caveat):
        if note:
            console.print(f"[yellow]note[/] {escape(note)}", soft_wrap=True, highlight=False)
    console.print(f"page: {escape(str(path))}", soft_wrap=True, highlight=False)


def _findings(settings: "Config") -> "Iterator[Finding]":
    from pipelines.checks.labels import of_labels
    from pipelines.checks.region import of_region

    yield from of_labels(settings)
    yield from of_region(settings)
    yield from findings.of_earth_engine(settings)


def _write(settings: "Config", found: "list[Finding]", path: Path) -> "Preview":
    from components.export_examples import preview as previews
    from earthline.earth_engine import imagery
    from earthline.earth_engine.imagery import data_types

    grid = imagery.grid(settings.data)
    data = data_types.resolved(settings.data, grid)
    seen = previews.look(data, settings.export, grid)
    previews.write(path, settings.name, data, settings.export, seen, found)
    return seen


def _tell(seen: "Preview", console: "Console") -> None:
    if seen.selected is None:
        console.print(f"[bold red]✗[/] {'export':<22} {escape(seen.problem)}", soft_wrap=True, highlight=False)
        return
    patches = seen.selected.numbers
    splits = tuple(patches)
    table = Table(box=None, pad_edge=False, expand=False)
    thinned = "about so many pixels of" if seen.step > 1 else "pixels of"
    table.add_column("features of" if seen.of_features else thinned, no_wrap=True)
    for split in splits:
        table.add_column(split, justify="right", no_wrap=True)
    for row in seen.rows:
        counts = (row.by_split[split] for split in splits)
        table.add_row(escape(row.name), *(f"{count:,}" if count else "[red]0[/]" for count in counts))
    table.add_row("patches", *(f"{patches[split]:,}" for split in splits), style="bold")
    display.print_whole(table, console)
    for note in seen.notes:
        console.print(f"[yellow]note[/] {escape(note)}", soft_wrap=True, highlight=False)
