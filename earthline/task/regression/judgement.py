"""How a map of a continuous value is judged: RMSE decides; MAE, R2, bias and the scatter plot tell more."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from earthline.formats.evaluations import Evaluation, Measure, Scores
from earthline.task.judgement import JudgementSide, boosting_options, number, with_interval
from earthline.task.regression import card, errors, intervals
from earthline.task.regression.errors import ErrorDetails
from earthline.task.regression.estimates import estimated
from earthline.task.regression.intervals import IntervalDetails
from earthline.task.regression.losses import is_quantile
from earthline.task.regression.values import Values

if TYPE_CHECKING:
    from earthline.accuracy.patch_sample import PatchSample
    from earthline.task.bootstrap import Bootstrap

Array = np.ndarray[Any, Any]

SCATTER = "scatter.png"
SCHEMA = "gs://google-cloud-aiplatform/schema/modelevaluation/regression_metrics_1.0.0.yaml"
"""Google's schema of such metrics."""


class ValueJudgementSide(Values, JudgementSide):
    """What regression knows of metrics."""

    gate_metric: ClassVar[str] = errors.RMSE
    simplest: ClassVar[tuple[str, str]] = ("mean", "the mean of the training labels everywhere")

    @property
    def measures(self) -> Mapping[str, Measure]:
        """As `JudgementSide.measures`; errors are in the value's unit."""
        error = {"larger_is_better": False, "relative": True, "unit": self.unit}
        return {
            errors.RMSE: Measure(title="root mean square error", short="RMSE", **error),
            errors.MAE: Measure(title="mean absolute error", short="MAE", **error),
            errors.R2: Measure(title="R\u00b2", short="R2"),
            errors.BIAS: Measure(title="bias (mean error)", short="bias", **error),
        }

    def tally(self, labels: Array, predicted: Array, blocks: Array) -> Array:
        """As `errors.tally`, (blocks, numbers)."""
        nothing = int((~np.isfinite(predicted) | (predicted == self._none)).sum())
        if nothing:
            raise ValueError(
                f"the model gives no finite number for {nothing:,} of {len(predicted):,} test pixels; lower "
                "train.learning_rate and train it again"
            )
        return errors.tally(labels, predicted, blocks, self.ends)

    @property
    def _none(self) -> float:
        return float(np.finfo(np.float32).min)

    def scores(self, tally: Array, bootstrap: "Bootstrap") -> Scores:
        """RMSE, MAE, R2, bias, and errors by label."""
        return errors.scores(tally, self.ends, bootstrap)

    def gate_sums(self, tally: Array) -> Array:
        """The numbers that metrics rest on."""
        return np.asarray(tally[:, : errors.SUMS])

    def gate_figure(self, sums: Array, metric: str) -> Array:
        """A metric; of the bias its size alone: one of -2 is no better than one of 2."""
        found = errors.figure(sums, metric)
        return np.abs(found) if metric == errors.BIAS else found

    def further_details(
        self, labels: Array, outputs: Array, names: Sequence[str], blocks: Array, bootstrap: "Bootstrap"
    ) -> dict[str, Any]:
        """How often the interval holds the label, where the model gives one."""
        # Other outputs, such as how unlike the training pixels a pixel is, may stand beside the bounds.
        places = [place for place, name in enumerate(names) if is_quantile(name)]
        if not places:
            return {}
        bounds = [names[place] for place in places]
        found = intervals.measured(labels, outputs[:, places], bounds, blocks, bootstrap)
        return {intervals.KEY: found.model_dump(mode="json")}

    def estimates(self, sample: "PatchSample", labels: Array, mapped: Array) -> dict[str, Any]:
        """RMSE, bias and means of all ground."""
        return {"estimated": estimated(sample, labels, mapped).model_dump(mode="json")}

    def estimator(self, trees: int, seed: int) -> Any:
        """A forest of regression trees."""
        from sklearn.ensemble import RandomForestRegressor

        # A third of the features at each split: Breiman 2001 for regression.
        return RandomForestRegressor(
            n_estimators=trees, min_samples_leaf=3, max_features=1 / 3, n_jobs=-1, random_state=seed
        )

    def boosting(self, pixels: int, seed: int) -> Any:
        """Histogram-based boosting."""
        from sklearn.ensemble import HistGradientBoostingRegressor

        return HistGradientBoostingRegressor(**boosting_options(pixels, seed))

    def constant(self) -> Any:
        """The mean."""
        from sklearn.dummy import DummyRegressor

        return DummyRegressor(strategy="mean")

    def table_lines(self, evaluation: Evaluation) -> list[str]:
        """The bias by label, and how often intervals hold the label."""
        lines = [f"{'label' + self.in_unit:<22} {'pixels':>8} {'blocks':>6} {'bias':>10} {'RMSE':>10}"]
        for part in ErrorDetails.of(evaluation.model).parts:
            if part.pixels:
                lines.append(
                    f"{f'{part.low:g} to {part.high:g}':<22} {part.pixels:>8} {part.blocks:>6} "
                    f"{number(part.bias):>10} {number(part.rmse):>10}"
                )
        details = ErrorDetails.of(evaluation.model)
        if details.estimated is not None:
            rmse, bias = details.estimated.rmse, details.estimated.bias
            lines.append(
                f"of all ground ({100 * details.estimated.confidence:g} %): RMSE "
                f"{with_interval(rmse.value, rmse.interval)}, bias {with_interval(bias.value, bias.interval)}"
            )
        found = IntervalDetails.of(evaluation)
        return lines if found is None else [*lines, found.told(f" {self.unit}" if self.unit else "")]

    def card_lines(self, evaluation: Evaluation, mapped: Mapping[str, Any]) -> list[str]:
        """What is true of all ground, how often intervals hold the label, and what lies outside the labels' range."""
        return card.card_lines(ErrorDetails.of(evaluation.model), IntervalDetails.of(evaluation), mapped)

    def draw(self, evaluation: Evaluation, folder: Path) -> tuple[str, ...]:
        """The scatter plot, with the bias by label."""
        from earthline.task.regression import figures  # loads matplotlib

        (folder / SCATTER).write_bytes(figures.scatter(evaluation.model, self))
        return (SCATTER,)

    def vertex_metrics(self, scores: Scores) -> tuple[str, dict[str, Any]]:
        """RMSE, MAE and R2."""
        names = {"rootMeanSquaredError": errors.RMSE, "meanAbsoluteError": errors.MAE, "rSquared": errors.R2}
        return SCHEMA, {told: scores.metrics[name].value for told, name in names.items()}

    def shown(self, evaluation: Evaluation) -> Mapping[str, Any]:
        """The scatter plot as a `data:` URI, errors by label, and how often intervals hold the label."""
        from earthline.task.regression import figures

        return {
            "unit": self.unit,
            "axis": self.axis,
            "parts": [part for part in ErrorDetails.of(evaluation.model).parts if part.pixels],
            "scatter": figures.uri(figures.scatter(evaluation.model, self)),
            "intervals": IntervalDetails.of(evaluation),
            "ground": ErrorDetails.of(evaluation.model).estimated,
        }
