"""Command line of a training run: `python -m trainer.task --examples DIR --train JSON --model-dir DIR`."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from earthline.config import Train

VERTEX_MOUNT = "/gcs/"
"""Where Vertex AI's custom jobs find Cloud Storage as files."""


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Reads the arguments; wrong ones end the process with status 2.

    Args:
        arguments: Left out, those of the process.
    """
    parser = argparse.ArgumentParser(prog="python -m trainer.task", description="Trains a model on examples.")
    parser.add_argument("--examples", type=Path, required=True, help="Folder of the dataset (manifest.json).")
    parser.add_argument(
        "--train", type=_section, required=True, help="Section `train` of the config as JSON, or @FILE with it."
    )
    parser.add_argument("--model-dir", type=Path, required=True, help="Folder to write the model to.")
    parser.add_argument(
        "--checkpoint-dir",
        type=_mounted,
        default=os.environ.get("AIP_CHECKPOINT_DIR") or None,
        help="Folder for the checkpoint; left out, AIP_CHECKPOINT_DIR, else a folder in the model's.",
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Trains; status 0, or 1 with one line on standard error where the input is at fault.

    Args:
        arguments: Left out, those of the process.
    """
    parsed = parse(arguments)
    from trainer import training  # TensorFlow takes seconds to load; wrong arguments should not wait for it

    try:
        training.run(parsed.train, parsed.examples, parsed.model_dir, parsed.checkpoint_dir)
    except (FileNotFoundError, ValueError) as error:
        print(f"trainer: {error}", file=sys.stderr)
        return 1
    return 0


def _section(text: str) -> Train:
    try:
        content = Path(text[1:]).read_text(encoding="utf-8") if text.startswith("@") else text
        return Train.model_validate_json(content)
    except (OSError, ValidationError) as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _mounted(text: str) -> Path:
    """A gs:// address as the file path where Vertex AI mounts it; other paths unchanged."""
    return Path(VERTEX_MOUNT + text.removeprefix("gs://")) if text.startswith("gs://") else Path(text)


if __name__ == "__main__":
    sys.exit(main())
