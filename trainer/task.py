"""Command line of a training run: `python -m trainer.task --examples DIR --train JSON --model-dir DIR`."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from earthline.config import Train
from earthline.garbage import unsearched
from trainer.mounts import mounted


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
        type=mounted,
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
    with unsearched():  # TensorFlow takes seconds to load; wrong arguments do not wait for it
        from trainer import distribution, training
        from trainer.loop.faults import OutOfMemory

    try:
        distribution.require_accelerators(parsed.train.accelerator_count)
        training.run(parsed.train, parsed.examples, parsed.model_dir, parsed.checkpoint_dir)
    except (distribution.AcceleratorError, FileNotFoundError, OutOfMemory, ValueError) as error:
        print(f"trainer: {error}", file=sys.stderr)
        return 1
    return 0


def _section(text: str) -> Train:
    try:
        content = Path(text[1:]).read_text(encoding="utf-8") if text.startswith("@") else text
        return Train.model_validate_json(content)
    except (OSError, ValidationError) as error:
        raise argparse.ArgumentTypeError(str(error)) from error


if __name__ == "__main__":
    sys.exit(main())
