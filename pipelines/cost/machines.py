"""What machines cost by the hour: their prices, and which one Vertex AI takes for a step."""

import re
from typing import Literal

from earthline.config.machines import Machine
from pipelines.cost.figures import Basis, Figure
from pipelines.cost.prices import Prices

STEP_FAMILY = "e2-standard"
"""Family that Vertex AI takes for a step without an accelerator; it has 4 GiB of memory for each processor."""
_STEP_SIZES = (2, 4, 8, 16, 32)
_GIB_PER_CPU = {"n1-standard": 3.75, "e2-standard": 4.0, "n2-standard": 4.0, "n1-highmem": 6.5, "n1-highcpu": 0.9}
_BYTES = {"M": 1e6, "Mi": 2**20, "G": 1e9, "Gi": 2**30}


def of_step(machine: Machine) -> str:
    """The machine type that Vertex AI takes for a step: the smallest that has its processors and its memory.

    Args:
        machine: Of the step.
    """
    amount = re.fullmatch(r"([\d.]+)([A-Z]i?)", machine.memory)
    needed = float(amount[1]) * _BYTES[amount[2]] / 2**30 if amount else 0.0
    size = next((each for each in _STEP_SIZES if each >= machine.cpu and 4 * each >= needed), _STEP_SIZES[-1])
    return f"{STEP_FAMILY}-{size}"


def hourly(
    prices: Prices,
    what: Literal["training_machine", "serving_machine"],
    machine: str,
    accelerator: str | None = None,
    count: int = 0,
) -> Figure:
    """US dollars of an hour of one machine with its accelerators.

    Args:
        prices: The table.
        what: For what it is used.
        machine: Machine type.
        accelerator: Of each machine; None where it has none.
        count: Accelerators of the machine.
    """
    found = prices.find(what, machine)
    if found is None:
        return _missing(machine, prices)
    if accelerator is None:
        return Figure.exact(found.usd)
    added = prices.find("training_accelerator", accelerator)
    if added is None:
        return Figure(found.usd, None, Basis.UNKNOWN, _missing(accelerator, prices).note)
    return Figure.exact(found.usd + count * added.usd)


def dataflow_hourly(prices: Prices, machine: str, disk: float) -> Figure:
    """US dollars of an hour of one Dataflow worker of a batch job: processors, memory and disk.

    Args:
        prices: The table.
        machine: Machine type.
        disk: GiB of its disk.
    """
    family, _, size = machine.rpartition("-")
    if family not in _GIB_PER_CPU or not size.isdecimal():
        return Figure.unknown(f"the processors and memory of {machine} are not in the table")
    cpus = int(size)
    amounts = {"vcpu": float(cpus), "memory": cpus * _GIB_PER_CPU[family], "disk": disk}
    total = 0.0
    for item, amount in amounts.items():
        found = prices.find("dataflow", item)
        if found is None:
            return _missing(f"Dataflow's {item}", prices)
        total += amount * found.usd
    return Figure.exact(total)


def _missing(item: str, prices: Prices) -> Figure:
    return Figure.unknown(f"the price of {item} in {prices.location} is not in the table; give it by --prices FILE")


def product(hours: Figure, price: Figure, machines: int = 1) -> Figure:
    """US dollars of hours; where something is not known, the note says what.

    Args:
        hours: Of each machine.
        price: US dollars an hour of one.
        machines: How many there are.
    """
    bounded = hours.high is not None and price.high is not None
    return Figure(
        machines * hours.low * price.low,
        machines * (hours.high or 0.0) * (price.high or 0.0) if bounded else None,
        max(hours.basis, price.basis),
        price.note or hours.note,
    )
