"""What the training and the other steps cost: by how long they took in an earlier run of the same config."""

from earthline.config import Config
from earthline.config.step import declared
from pipelines.cost import machines
from pipelines.cost.figures import Figure, total
from pipelines.cost.history import Earlier
from pipelines.cost.part import Part
from pipelines.cost.prices import Prices

TRAINING = "train_model"
_ELSEWHERE = ("export_examples", "predict_map", TRAINING)
"""Steps with a part of their own."""


def training(config: Config, prices: Prices, earlier: Earlier | None) -> Part:
    """The custom job that trains.

    Args:
        config: The workflow's config.
        prices: The table.
        earlier: A run of the same config.
    """
    train = config.train
    price = machines.hourly(
        prices, "training_machine", train.machine_type, train.accelerator_type, train.accelerator_count
    )
    if earlier is None:
        hours = Figure.unknown(
            "how long the training takes is not known: no run of this config in this folder has trained; after one, "
            "its time is here"
        )
    else:
        hours = earlier.hours(TRAINING)
    devices = f" with {train.accelerator_count} {train.accelerator_type}" if train.accelerator_type else ""
    shown = f"{price.low:.4g} dollars" if price.high is not None else "an unknown price"
    note = f"each of its {train.replicas} {train.machine_type}{devices} costs {shown} an hour"
    return Part("training", hours=hours, dollars=machines.product(hours, price, train.replicas), notes=(note,))


def others(config: Config, prices: Prices, earlier: Earlier | None) -> Part:
    """All steps that are neither export nor training nor map, and the run itself.

    Args:
        config: The workflow's config.
        prices: The table.
        earlier: A run of the same config.
    """
    run = prices.find("pipeline", "run")
    fee = (
        Figure.exact(run.usd) if run is not None else Figure.unknown("the price of a pipeline run is not in the table")
    )
    if earlier is None:
        hours = Figure.unknown("how long the other steps take is not known before a first run of this config")
        return Part("other steps", hours=hours, dollars=total((fee, Figure.unknown(hours.note))))
    spent, taken = [fee], []
    counted = sorted((set(declared()) - set(_ELSEWHERE)) & set(earlier.seconds))
    for name in counted:
        machine = machines.of_step(config.steps.of(name))
        taken.append(earlier.hours(name))
        spent.append(machines.product(taken[-1], machines.hourly(prices, "training_machine", machine)))
    note = f"those that did their work in run {earlier.job_id}: {', '.join(counted) or 'none'}"
    return Part("other steps", hours=total(taken), dollars=total(spent), notes=(note,))
