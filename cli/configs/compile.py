"""`earthline compile`: a workflow as the KFP YAML that Vertex AI runs."""

from pathlib import Path
from typing import Annotated

import typer

from cli.terminal.options import ConfigPath, Overrides


def compile_config(
    config: ConfigPath,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; left out, standard output.")
    ] = None,
    overrides: Overrides = None,
) -> None:
    """Compile a workflow to the KFP YAML that Vertex AI runs."""
    from earthline.config import load

    settings = load(config, overrides or ())
    from pipelines.compilation import compile_workflow

    template = compile_workflow(settings)
    if output is None:
        typer.echo(template.decode(), nl=False)
    else:
        output.write_bytes(template)
        typer.echo(f"{output}: {len(template):,} bytes", err=True)
