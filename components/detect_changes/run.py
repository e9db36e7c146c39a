"""Compares what the workflow would train on now with what its last accepted run saw."""

import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path

from kfp import dsl

from components.detect_changes import accepted, sources
from components.detect_changes.changes import Changes, Snapshot, decide
from earthline.config import Data
from earthline.earth_engine.connection import connect
from earthline.entry_point import entry_point, section
from earthline.vertex import champion

_logger = logging.getLogger(__name__)


@entry_point
def run(
    *,
    sections: Mapping[str, str],
    drift_limit: float,
    psi_limit: float,
    force: bool,
    project: str,
    location: str,
    workflow_label: str,
    name: str,
    endpoint_name: str,
    changes: dsl.Artifact,
    fingerprint: str,
    champion_file: str,
    accepted_statistics_file: str,
) -> str:
    """Decides whether there is reason to retrain.

    Args:
        sections: What the steps are given, by name: the config's sections as JSON, `data` among them.
        drift_limit: Largest change of a band's mean, in its standard deviations, that is no reason.
        psi_limit: Largest population stability index of a band that is no reason.
        force: Whether the run goes on in any case.
        project: Google Cloud project.
        location: Vertex AI location.
        workflow_label: Vertex AI label that holds the workflow's name.
        name: The workflow's name.
        endpoint_name: Display name of the endpoint.
        changes: Folder to write `changes.json` into.
        fingerprint: File to write the state of imagery and labels into: a short text that changes when they do.
        champion_file: File to write the name of the model that serves into, or `none`.
        accepted_statistics_file: File to write the folder of the last accepted run's statistics into; empty where there
            is none, or where its examples come from the same sources and settings.

    Returns:
        `retrain` or `nothing_new`.

    Raises:
        PixelsError: Earth Engine does not answer.
    """
    data = section(Data, "data", sections["data"])
    connect(project)
    snapshot = Snapshot(
        sections={key: _digest(text) for key, text in sections.items()},
        sources=sources.read_sources(data, project),
        bands=sources.read_bands(data),
    )
    last = accepted.find(project, location, workflow_label, name)
    serving = champion.find(project, location, endpoint_name)
    found: Changes = decide(
        snapshot,
        last.snapshot if last else None,
        last.job_id if last else "",
        deployed=serving is not None,
        force=force,
        drift_limit=drift_limit,
        psi_limit=psi_limit,
    )
    found.write(Path(changes.path))
    _write(fingerprint, _digest(str([source.model_dump() for source in snapshot.sources])))
    _write(champion_file, serving.name if serving else champion.NONE)
    _write(accepted_statistics_file, last.statistics if last and other_examples(snapshot, last.snapshot) else "")
    changes.metadata["decision"] = found.decision
    for reason in found.reasons:
        _logger.info("detect_changes: %s: %s", found.decision.replace("_", " "), reason)
    return found.decision


def other_examples(now: Snapshot, before: Snapshot) -> bool:
    """Whether examples may differ from those of a run before; where not, results can be taken from the cache."""
    sections = ("data", "export")
    return now.sources != before.sources or any(now.sections.get(key) != before.sections.get(key) for key in sections)


def _write(path: str, text: str) -> None:
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
