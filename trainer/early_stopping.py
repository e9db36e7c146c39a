"""When a run stops before its last epoch."""

from dataclasses import dataclass

from trainer.history import State


@dataclass(frozen=True)
class EarlyStopping:
    """Stops where the validation loss has not improved for some epochs; the best epoch's weights are kept.

    Attributes:
        patience: Epochs without a better validation loss before stopping.
    """

    patience: int

    def stops(self, state: State) -> bool:
        """True where the run should not go on.

        Args:
            state: The epochs so far.
        """
        return state.waited >= self.patience
