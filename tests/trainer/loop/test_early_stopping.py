"""Which epoch is best, and when a run stops."""

from trainer.history import Epoch
from trainer.loop.early_stopping import EarlyStopping


def history(*values: float, name: str = "val_loss") -> list[Epoch]:
    return [Epoch(epoch=number, seconds=1, metrics={name: value}) for number, value in enumerate(values, 1)]


def test_it_stops_after_patience_and_knows_the_first_of_equals() -> None:
    stopping = EarlyStopping(2)
    assert stopping.best([]) == 0 and not stopping.stops([])
    curve = history(1.0, 0.5, 0.6, 0.5)
    assert [stopping.stops(curve[:count]) for count in range(1, 5)] == [False, False, False, True]
    assert stopping.best(curve) == 2


def test_of_some_metrics_more_is_better() -> None:
    curve = history(0.5, 0.9, 0.8, name="val_accuracy")
    assert EarlyStopping(9, "accuracy", rising=True).best(curve) == 2
    assert EarlyStopping(9, "accuracy", rising=False).best(curve) == 1


def test_smoothed_a_lucky_epoch_does_not_count() -> None:
    curve = history(1.0, 0.3, 0.9, 0.6, 0.5, 0.45)
    assert EarlyStopping(9).best(curve) == 2
    assert EarlyStopping(9, smoothing=0.7).best(curve) == 6
    assert EarlyStopping(2).stops(curve) and not EarlyStopping(2, smoothing=0.7).stops(curve)
