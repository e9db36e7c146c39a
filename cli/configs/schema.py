"""`earthline schema`: the JSON schema with which editors complete a config."""

import json
from pathlib import Path
from typing import Annotated

import typer


def schema(
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write instead of printing.")] = None,
) -> None:
    """Print the JSON schema of the config."""
    from earthline.config import Config

    content = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Config.model_json_schema()}
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    if output is None:
        typer.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")
