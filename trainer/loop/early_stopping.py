"""Which epoch is the best one, and when a run stops before its last."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from trainer.history import Epoch


@dataclass(frozen=True)
class EarlyStopping:
    """Stops where the validation has not become better for some epochs.

    Attributes:
        patience: Epochs without a better validation before stopping.
        watch: What is compared: a key of the validation's metrics without its `val_`, such as `loss`.
        rising: Whether more of it is better.
        smoothing: Share of the epochs before in what is compared (simple exponential smoothing), 0 to below 1.
    """

    patience: int
    watch: str = "loss"
    rising: bool = False
    smoothing: float = 0.0

    def best(self, history: Sequence[Epoch]) -> int:
        """Number of the best epoch, the first of equals; 0 where there is none.

        Args:
            history: The epochs so far.
        """
        values = [epoch.metrics[f"val_{self.watch}"] * (-1 if self.rising else 1) for epoch in history]
        smooth = list(accumulate(values, lambda before, value: self.smoothing * before + (1 - self.smoothing) * value))
        return smooth.index(min(smooth)) + 1 if smooth else 0

    def stops(self, history: Sequence[Epoch]) -> bool:
        """True where the run should not go on.

        Args:
            history: The epochs so far.
        """
        return len(history) - self.best(history) >= self.patience
