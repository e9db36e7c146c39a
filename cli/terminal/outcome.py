"""The end of a run: its results are copied and listed, or the failed step is shown with the end of its log."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape

from cli.terminal import display, failures, log_end

if TYPE_CHECKING:  # these modules load Google's client
    from pipelines.runs.records import Record
    from pipelines.runs.run import Run
    from pipelines.runs.snapshots import Snapshot, Step


def conclude(run: "Run", record: "Record", last: "Snapshot", console: Console) -> int:
    """Copies the results of a run that has ended and says where they lie.

    Args:
        run: The run.
        record: What is known of it here; written anew.
        last: How it ended.
        console: Where to write.

    Returns:
        The exit code.
    """
    from pipelines.runs import records, results

    unwritten, copies, kinds = "", [], results.kinds()
    try:
        copies = results.collect(last, record.folder, record.project)
    except OSError as error:
        unwritten = f"{error.filename or record.folder}: {error.strerror or error}"
    record = record.model_copy(
        update={
            "state": last.state,
            "steps": tuple(
                records.StepRecord(name=step.name, state=step.state, seconds=step.seconds) for step in last.steps
            ),
            "results": {kinds[path.name]: path.name for path in copies if path.name in kinds},
        }
    )
    try:
        record.write()
    except records.RecordError as error:
        unwritten = unwritten or str(error)
    console.print()
    if last.state == "SUCCEEDED" and not unwritten:
        _tell_results(record, console)
        return 0
    for step in last.steps:
        if step.state == "FAILED":
            _tell_failure(run, record, step, console)
    if last.state == "FAILED" and last.error and not any(step.state == "FAILED" for step in last.steps):
        console.print(f"[bold red]failed:[/] {escape(last.error)}", soft_wrap=True, highlight=False)
    console.print(f"run {record.job_id} {display.word(last.state)}; its record: {record.folder}", soft_wrap=True)
    if last.state == "FAILED":
        console.print(_AGAIN, soft_wrap=True, highlight=False)
    if unwritten:
        console.print(
            f"[bold red]its results cannot be kept here:[/] {escape(unwritten)}. They stay in the bucket; make room, "
            f"then fetch them with `earthline runs show {record.job_id}`",
            soft_wrap=True,
            highlight=False,
        )
    return failures.RUN_FAILED


def save_log(run: "Run", record: "Record", step: "Step") -> tuple[Path, list[str]]:
    """Copies a step's whole log beside the run's results.

    Args:
        run: The run.
        record: What is known of it here.
        step: The step.

    Returns:
        Path of the copy, and its lines.

    Raises:
        requests.RequestException: Cloud Logging refuses.
        OSError: The copy cannot be written.
    """
    path = record.folder / "logs" / f"{step.name}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = list(run.log(step))
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path, lines


def _tell_failure(run: "Run", record: "Record", step: "Step", console: Console) -> None:
    """Shows the step's own error first, then what Vertex AI says of its process, and where the whole log is."""
    import requests
    from google.api_core.exceptions import GoogleAPIError

    def show(text: str, style: str = "") -> None:
        console.print(escape(text), style=style, soft_wrap=True, highlight=False)

    show(f"{step.name} failed", "bold red")
    reason, where = step.error, ""
    lines: list[str] = []
    try:
        reason = run.reason(step)
        path, lines = save_log(run, record, step)
        where = f"the whole log: {path}"
    except (requests.RequestException, GoogleAPIError) as error:
        where = f"its log cannot be read: {' '.join(str(error).split())}"
    except OSError as error:
        where = f"its log cannot be kept here: {error.filename or record.folder}: {error.strerror or error}"
    if not lines:
        show(reason or "Vertex AI gives no reason")
        show(f"{where}\n")
        return
    end = log_end.read(lines)
    for line in end.message:
        show(f"  {line}", "bold")
    if end.raised:
        show(f"  raised in {end.raised}", "dim")
    # The sandbox appends the log's end to the message; in the cloud it stands in Cloud Logging alone.
    status = reason.partition("\n")[0].removesuffix(" The end of its log:").removesuffix(", which ends:")
    if status:
        show(status, "dim")
    if end.before:
        show("before that it said:", "dim")
        for line in end.before:
            show(f"  {line}", "dim")
    show(f"{where}\n")


def _tell_results(record: "Record", console: Console) -> None:
    from pipelines.runs import results

    changes = _json(record, "changes")
    reasons = "; ".join(changes.get("reasons", ()))
    if reasons:
        console.print(f"{_deed(record, changes)}: {escape(reasons)}", soft_wrap=True, highlight=False)
    if "evaluation" in record.results:
        _tell_evaluation(record, console)
    ee_model = _json(record, "ee_model")
    rows = [
        *(
            (kind, str(record.folder / record.results[kind]))
            for kind in dict.fromkeys(results.kinds().values())
            if kind in record.results
        ),
        ("asset", str(ee_model.get("asset", ""))),
        ("endpoint", str(ee_model.get("arguments", {}).get("endpoint", ""))),
        ("record", str(record.folder / "run.json")),
    ]
    for name, value in rows:
        if value:
            console.print(f"{name:<10} {escape(value)}", soft_wrap=True, highlight=False)


def _deed(record: "Record", changes: dict[str, Any]) -> str:
    """What the run did, as the beginning of a sentence that says why."""
    if changes["decision"] == "nothing_new":
        return "nothing new"
    trained = {step.name: step.state for step in record.steps}.get("train_model")
    # The reason was found before anybody looked into the cache.
    return "not trained again, the cache held its model" if trained == "SKIPPED" else "retrained"


_BEATEN = (
    "next: 'earthline run CONFIG --set train.model.name=auto' trains a forest and boosted trees as well as networks, "
    "and takes the cheapest that is as good as the best"
)
"""What to do where a baseline is better than the model."""
_TIED = "; '--set evaluate.min_gain=-0.02' deploys one that ties"
_TIE = -0.02
"""Gain from which that does deploy it, if its interval is narrow."""
_AGAIN = (
    "next: once that is mended, the same command again: steps that have ended come from the cache, and an export goes "
    "on where it was"
)
_KEPT = (
    "next: the model before it goes on serving, with imagery and labels as they were for it; to take the new one if it "
    "is no more than a little worse: 'earthline run CONFIG --set evaluate.min_gain=-0.02'"
)
"""What to do where the champion is better, though somebody may have changed the imagery with a purpose."""


def _tell_evaluation(record: "Record", console: Console) -> None:
    from earthline.formats.evaluations import Evaluation

    try:
        found = Evaluation.read(record.folder)
    except ValueError:
        # Of a run by another version: the file is there, and what it says may be called otherwise.
        return
    metric, best = found.gated(found.model), found.best_baseline
    other = found.gated(best.scores).value
    interval = metric.interval
    shown = f"{metric.value:.3f}" + (f" ({interval.low:.3f} to {interval.high:.3f})" if interval else "")
    name = escape(found.measure.short)
    console.print(f"{name:<10} {shown} on the test blocks, {escape(best.name)} {other:.3f}", highlight=False)
    # Means leave such labels out, so that no figure above speaks of them.
    if absent := found.test.details.get("absent"):
        names = escape(", ".join(absent))
        console.print(f"not judged {names}: no test pixel has this label", soft_wrap=True, highlight=False)
    reason = escape(found.gate.reason)
    if found.gate.blessed:
        console.print(f"the model was accepted: {reason}", soft_wrap=True, highlight=False)
    else:
        console.print(f"[yellow]the model was not deployed:[/] {reason}", soft_wrap=True, highlight=False)
        baselines = {each.name for each in found.baselines}
        if found.gate.compared_with not in baselines:
            console.print(_KEPT, soft_wrap=True, highlight=False)
        elif found.gate.gain <= 0:
            tied = _TIED if found.gate.gain >= _TIE else ""
            console.print(f"{_BEATEN}{tied}", soft_wrap=True, highlight=False)


def _json(record: "Record", kind: str) -> dict[str, Any]:
    if kind not in record.results:
        return {}
    content = json.loads((record.folder / record.results[kind]).read_text(encoding="utf-8"))
    return content if isinstance(content, dict) else {}
