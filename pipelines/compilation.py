"""From a config to the pipeline's YAML, by KFP's own compiler: the same bytes for the same config, everywhere."""

import tempfile
from pathlib import Path

import yaml
from kfp import compiler

from earthline.config import Config
from pipelines.workflow import build


def compile_workflow(config: Config) -> bytes:
    """The compiled pipeline.

    Args:
        config: The workflow's config.

    Returns:
        KFP v2 YAML in UTF-8 with sorted keys. It names container images and nothing of this machine, and holds no time.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "workflow.yaml"
        compiler.Compiler().compile(build(config), str(path))
        documents = list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    # KFP writes a comment block whose layout is not part of its contract; the content alone, sorted, is stable.
    return yaml.safe_dump_all(documents, sort_keys=True, allow_unicode=True, width=120, encoding="utf-8")
