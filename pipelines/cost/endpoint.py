"""What stands and costs after a run: the endpoint, also where nobody asks it, and the examples in the bucket."""

from earthline.config import Config
from pipelines.cost import machines
from pipelines.cost.figures import Basis, Figure
from pipelines.cost.part import Part
from pipelines.cost.prices import Prices

HOURS_A_MONTH = 730
_GIB = 2**30


def of_endpoint(config: Config, prices: Prices) -> Part:
    """A month of the endpoint, idle hours included.

    Args:
        config: The workflow's config.
        prices: The table.
    """
    serving = config.serving
    price = machines.hourly(prices, "serving_machine", serving.machine_type)
    least, most = serving.min_replicas, (1 + serving.keep_previous) * serving.max_replicas
    month = Figure(
        least * price.low * HOURS_A_MONTH,
        None if price.high is None else most * price.high * HOURS_A_MONTH,
        Basis.EXACT if price.high is not None else Basis.UNKNOWN,
        price.note,
    )
    each = "at a price that is not in the table" if price.high is None else f"{least * price.low:.4g} dollars an hour"
    notes = [f"it costs {each} from its deployment until it is deleted, whether it is asked or not"]
    if most > least:
        notes.append(
            f"its upper figure is {serving.max_replicas} replica(s) all month, and as many for each of "
            f"{serving.keep_previous} former champion(s) that serving.keep_previous keeps"
        )
    return Part("endpoint, a month", hours=Figure.exact(HOURS_A_MONTH), dollars=month, notes=tuple(notes))


def of_examples(stored: int, prices: Prices) -> Part:
    """A month of the examples in the bucket.

    Args:
        stored: Bytes of the examples.
        prices: The table.
    """
    found = prices.find("storage", "standard")
    size = Figure.assumed(stored, "as many bytes as their pixels have, before any compression")
    if found is None:
        month = Figure.unknown(f"the price of storage in {prices.location} is not in the table")
    else:
        month = Figure.assumed(stored / _GIB * HOURS_A_MONTH * found.usd, "")
    return Part("examples, a month", bytes=size, hours=Figure.exact(HOURS_A_MONTH), dollars=month)
