"""Settings are tried before the training: many for a short time, the better ones for longer.

Successive halving (Jamieson and Talwalkar 2016, "Non-stochastic best arm identification and hyperparameter
optimization") of settings drawn at random (Bergstra and Bengio 2012, "Random search for hyper-parameter optimization").
"""

import math
import os
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from earthline.config.model import Network
from earthline.config.sections.train.tune import Range, Tune
from trainer import distribution, heads
from trainer.lesson import Lesson, learn
from trainer.loop.checkpoint import remove, settings_of
from trainer.loop.faults import OutOfMemory

TUNING = "tuning.json"
_SHARES = (9, 3)
"""Of all epochs each round trains one in so many; the better one in `_KEPT` of its trials go on."""
_KEPT = 3


class Trial(BaseModel):
    """Settings that were tried."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    settings: dict[str, Any] = Field(description="By key below `train`; none for the config's own.")
    epochs: int = Field(description="Most epochs that it trained for.")
    value: float | None = Field(default=None, description="Of the metric on validation; None if it failed.")
    seconds: float = Field(default=0.0, description="Duration in seconds.")
    fault: str = Field(default="", description="Why it failed; else empty.")


class Tuning(BaseModel):
    """What came of a search, as `tuning.json` in the model's folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric: str = Field(description="What was compared on validation.")
    larger_is_better: bool = Field(description="Whether more of it is better.")
    trials: tuple[Trial, ...] = Field(default=(), description="In the order of their training.")
    best: dict[str, Any] = Field(default={}, description="Settings that the model was trained with.")
    basis: dict[str, Any] = Field(default={}, description="Settings of the config and the examples.")

    def write(self, folder: Path) -> None:
        """Writes `tuning.json`."""
        folder.mkdir(parents=True, exist_ok=True)
        partial = folder / f"{TUNING}.partial"
        partial.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")
        os.replace(partial, folder / TUNING)


def tuned(lesson: Lesson) -> tuple[Lesson, Tuning]:
    """Tries settings and gives the lesson with the best ones.

    Trials that have ended are kept in the checkpoint's folder, so that an interrupted search goes on.

    Args:
        lesson: With `train.tune`.

    Raises:
        ValueError: Every trial failed.
    """
    tune = lesson.train.tune
    assert tune is not None, "callers ask first"
    metric, rising = _compared(lesson, tune)
    found = Tuning(metric=metric, larger_is_better=rising, basis=settings_of(lesson.train.model, lesson))
    found = _resumed(found, lesson.checkpoint)
    began = time.monotonic() - sum(trial.seconds for trial in found.trials)
    going: list[dict[str, Any]] = drawn(tune, lesson.train.seed)
    ranked: list[Trial] = []
    for epochs in rounds(lesson):
        trials: list[Trial] = []
        for settings in going:
            trial = next((each for each in found.trials if (each.settings, each.epochs) == (settings, epochs)), None)
            if trial is None:
                if trials and time.monotonic() - began > tune.seconds:
                    print(f"tune: {tune.seconds:g} s are over", flush=True)
                    break
                trial = _tried(settings, epochs, lesson, metric)
                found = found.model_copy(update={"trials": (*found.trials, trial)})
                if distribution.is_chief():
                    found.write(lesson.checkpoint)
            trials.append(trial)
        good = [trial for trial in trials if trial.value is not None]
        # Of equals the first one, which is the config's own.
        good.sort(key=lambda trial: -(trial.value or 0.0) if rising else (trial.value or 0.0))
        ranked = good or ranked
        going = [trial.settings for trial in good[: max(1, math.ceil(len(going) / _KEPT))]]
        if time.monotonic() - began > tune.seconds:
            break
    if not ranked:
        raise ValueError(f"train.tune: every trial failed; the last one: {found.trials[-1].fault}")
    best = ranked[0].settings
    print(f"tune: the best of {len(found.trials)} trials has {told(best)}", flush=True)
    train = lesson.train.changed(best)
    head = heads.find(lesson.manifest.task.name)(train, lesson.manifest)
    return replace(lesson, train=train, head=head), found.model_copy(update={"best": best})


def drawn(tune: Tune, seed: int) -> list[dict[str, Any]]:
    """The settings of all trials; those of the first are the config's own.

    Args:
        tune: The config's section.
        seed: Seed of the draw.
    """
    random = np.random.default_rng(seed)
    found: list[dict[str, Any]] = [{}]
    # Where there are few combinations some are drawn again.
    for _ in range(20 * tune.trials):
        if len(found) == tune.trials:
            break
        settings = {key: _value(choices, random) for key, choices in sorted(tune.over.items())}
        if settings not in found:
            found.append(settings)
    return found


def rounds(lesson: Lesson) -> list[int]:
    """Epochs of each round; one round where a model does not learn epoch by epoch."""
    epochs = lesson.train.epochs_for(lesson.manifest.splits["train"].examples)
    if not isinstance(lesson.train.model, Network):
        return [epochs]
    return sorted({max(1, math.ceil(epochs / share)) for share in _SHARES})


def told(settings: Mapping[str, Any]) -> str:
    """Settings for people."""
    shown = (f"{key} {value:.3g}" if isinstance(value, float) else f"{key} {value}" for key, value in settings.items())
    return ", ".join(shown) or "the config's own settings"


def _tried(settings: dict[str, Any], epochs: int, lesson: Lesson, metric: str) -> Trial:
    print(f"tune: {told(settings)}, {epochs} epoch(s)", flush=True)
    began = time.monotonic()
    train = lesson.train.changed(settings).model_copy(update={"epochs": epochs})
    part = lesson.part("trial")
    head = heads.find(lesson.manifest.task.name)(train, lesson.manifest)
    try:
        state = learn(train.model, replace(part, train=train, head=head)).state
    except (ValueError, OutOfMemory) as fault:
        print(f"tune: failed: {fault}", flush=True)
        return Trial(settings=settings, epochs=epochs, seconds=time.monotonic() - began, fault=str(fault))
    finally:
        if distribution.is_chief():
            remove(part.checkpoint)
    value = state.history[state.best_epoch - 1].metrics[f"val_{metric}"]
    seconds = time.monotonic() - began
    print(f"tune: validation {metric} {value:.4f} after {seconds:.0f} s", flush=True)
    return Trial(settings=settings, epochs=epochs, value=value, seconds=seconds)


def _compared(lesson: Lesson, tune: Tune) -> tuple[str, bool]:
    """The metric of the validation that trials are compared by, and whether more of it is better."""
    metric = lesson.train.watch
    if metric == "loss" and any(key.split(".")[0] in ("loss", "model") for key in tune.over):
        # Losses with other options, or of trees that do not learn by them, tell nothing of each other.
        metric = next(iter(lesson.head.watched))
    return metric, metric in lesson.head.rising


def _resumed(found: Tuning, folder: Path) -> Tuning:
    path = folder / TUNING
    if not path.is_file():
        return found
    before = Tuning.model_validate_json(path.read_text(encoding="utf-8"))
    fits = before.model_copy(update={"trials": ()}) == Tuning.model_validate_json(found.model_dump_json())
    return before if fits else found


def _value(choices: Any, random: np.random.Generator) -> Any:
    if not isinstance(choices, Range):
        return choices[int(random.integers(len(choices)))]
    if choices.log:
        return float(np.exp(random.uniform(np.log(choices.low), np.log(choices.high))))
    return float(random.uniform(choices.low, choices.high))
