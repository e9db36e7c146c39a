"""Maximum entropy models of where species live, as `Classifier.amnhMaxent` makes them.

Of all distributions over the background whose means of features are near those of the presences, the one of most
entropy: a convex problem. Sources: Phillips, Anderson and Schapire 2006, Maximum entropy modeling of species geographic
distributions, and Phillips et al. 2017, Opening the black box, for the cloglog output; the automatic regularization is
that of the program's defaults.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from earthline_sandbox.earthengine.learning.estimators import Options
from earthline_sandbox.earthengine.learning.learners import Fitted
from earthline_sandbox.earthengine.learning.samples import Samples
from earthline_sandbox.earthengine.pixels.pixels import Array
from earthline_sandbox.errors import invalid

OUTPUTS = ("cloglog", "logistic", "raw", "cumulative")
_KNOTS = np.linspace(0, 1, 26)[1:-1]
_ITERATIONS = 500
_ROWS = 4_096
_MOST_BYTES = 512 * 2**20
#: Regularization by number of presences: (presences, value).
_LINEAR = ((10, 1.0), (30, 0.2), (100, 0.05))
_QUADRATIC = ((0, 1.3), (10, 0.8), (17, 0.5), (30, 0.25), (100, 0.05))
_PRODUCT = ((0, 2.6), (10, 1.6), (17, 0.9), (30, 0.55), (100, 0.05))
_THRESHOLD = ((0, 2.0), (100, 1.0))
_CATEGORICAL = ((0, 0.65), (10, 0.5), (17, 0.25))
_HINGE = 0.5


@dataclass(frozen=True)
class Features:
    """Which features a model is of, and what they are scaled by.

    Attributes:
        low: Least value of each continuous input.
        extent: Greatest value less the least, 1 where that is 0.
        continuous: Columns of the continuous inputs.
        categories: (column, values) of the categorical ones.
        kinds: Some of `linear`, `quadratic`, `product`, `hinge`, `threshold`.
    """

    low: Array
    extent: Array
    continuous: Sequence[int]
    categories: Sequence[tuple[int, Array]]
    kinds: Sequence[str]

    def inside(self, inputs: Array) -> Array:
        """Which rows lie in the ranges that were trained on."""
        values = inputs[:, self.continuous]
        return np.asarray(((values >= self.low) & (values <= self.low + self.extent)).all(axis=1))

    def clamped(self, inputs: Array) -> Array:
        """The rows moved into those ranges."""
        moved = inputs.copy()
        moved[:, self.continuous] = np.clip(inputs[:, self.continuous], self.low, self.low + self.extent)
        return moved

    def blocks(self, inputs: Array) -> list[tuple[str, Array]]:
        """(kind, shape `(rows, features of that kind)`) of each kind."""
        scaled = (inputs[:, self.continuous] - self.low) / self.extent
        each = scaled[:, :, None]
        made: dict[str, Callable[[], Array]] = {
            "linear": lambda: scaled,
            "quadratic": lambda: scaled**2,
            "product": lambda: np.stack(
                [scaled[:, a] * scaled[:, b] for a, b in combinations(range(scaled.shape[1]), 2)]
                or [each[:, 0, 0] * 0],
                axis=1,
            ),
            "hinge": lambda: np.concatenate(
                [np.maximum(0, (each - _KNOTS) / (1 - _KNOTS)), np.maximum(0, (_KNOTS - each) / _KNOTS)], axis=2
            ).reshape(len(scaled), -1),
            "threshold": lambda: (each > _KNOTS).reshape(len(scaled), -1).astype("float64"),
        }
        found = [(kind, made[kind]()) for kind in self.kinds if scaled.shape[1]]
        for column, values in self.categories:
            found.append(("categorical", (inputs[:, column, None] == values).astype("float64")))
        return found

    def matrix(self, inputs: Array) -> Array:
        """All features, shape `(rows, features)`."""
        return np.concatenate([block for _, block in self.blocks(inputs)], axis=1)


class Maxent:
    """A fitted model (`learners.Fitted`)."""

    def __init__(self, options: Options, features: Features, weights: Array, background: Array) -> None:
        """Takes the weight of each feature, and the background's inputs."""
        self._features, self._weights = features, weights
        self._format, self._clamps = options["outputFormat"], options["doClamp"]
        self._extrapolates, self._shows_clamp = options["extrapolate"], options["writeClampGrid"]
        self._log_total = 0.0
        scores = self._scores(background)
        self._log_total = float(np.logaddexp.reduce(scores))
        logs = scores - self._log_total
        self._sorted = np.sort(np.exp(logs))
        self._sums = np.cumsum(self._sorted)
        self._entropy = float(-(self._sorted * np.log(np.maximum(self._sorted, 1e-300))).sum())
        self.cost = weights.nbytes + 2 * self._sorted.nbytes

    def usable(self, inputs: Array) -> Array:
        """All rows where the model extrapolates, else those in the ranges that it was trained on."""
        return np.ones(len(inputs), dtype=bool) if self._extrapolates else self._features.inside(inputs)

    def predict(self, inputs: Array, mode: str) -> Array:
        """Probabilities, and how much clamping changed them where asked for: shape `(rows, 1 or 2)`."""
        held = self._probabilities(self._features.clamped(inputs))
        if self._clamps and not self._shows_clamp:
            return held[:, None]
        free = self._probabilities(inputs)
        shown = held if self._clamps else free
        return np.stack([shown, np.abs(held - free)], axis=1) if self._shows_clamp else shown[:, None]

    def _scores(self, inputs: Array) -> Array:
        parts = [
            self._features.matrix(inputs[start : start + _ROWS]) @ self._weights
            for start in range(0, len(inputs), _ROWS)
        ]
        return np.concatenate(parts) - self._log_total

    def _probabilities(self, inputs: Array) -> Array:
        logs = np.minimum(self._scores(inputs), 700)
        if self._format == "raw":
            return np.asarray(np.exp(logs))
        if self._format == "cumulative":
            sums = np.concatenate([[0.0], self._sums])
            return np.asarray(100 * sums[np.searchsorted(self._sorted, np.exp(logs) * (1 + 1e-12), side="right")])
        odds = np.exp(np.minimum(logs + self._entropy, 700))
        return np.asarray(-np.expm1(-odds) if self._format == "cloglog" else odds / (1 + odds))


def maxent(options: Options, samples: Samples, variant: str) -> Fitted:
    """`Classifier.amnhMaxent`: label 1 is a presence, 0 the background."""
    from scipy.optimize import minimize

    assert samples.labels is not None
    if not np.isin(samples.labels, (0, 1)).all():
        raise invalid("The class property must be 1 for presences and 0 for the background.")
    present, background = samples.inputs[samples.labels == 1], samples.inputs[samples.labels == 0]
    if not len(present) or not len(background):
        raise invalid("Training needs presences (1) and background (0); one of them is missing.")
    if options["addAllSamplesToBackground"]:
        background = np.concatenate([background, present])
    elif options["addSamplesToBackground"]:
        known = set(map(tuple, background.tolist()))
        new = [row for row in np.unique(present, axis=0).tolist() if tuple(row) not in known]
        background = np.concatenate([background, np.reshape(new, (-1, present.shape[1]))])
    features = _features(options, samples, len(present))
    width = features.matrix(background[:1]).shape[1]
    if 8 * width * len(background) > _MOST_BYTES:
        raise invalid(f"User memory limit exceeded. {width} features of {len(background)} samples; use fewer of them.")
    matrix = features.matrix(background)
    means = np.concatenate([block.mean(axis=0) for _, block in features.blocks(present)])
    penalty = _penalties(options, features, present)

    def objective(both: Array) -> tuple[float, Array]:
        weights = both[:width] - both[width:]
        scores = matrix @ weights
        top = scores.max()
        shares = np.exp(scores - top)
        total = shares.sum()
        gradient = shares @ matrix / total - means
        value = top + np.log(total) - weights @ means + penalty @ (both[:width] + both[width:])
        return float(value), np.concatenate([gradient + penalty, penalty - gradient])

    found = minimize(
        objective,
        np.zeros(2 * width),
        jac=True,
        method="L-BFGS-B",
        bounds=[(0, None)] * (2 * width),
        options={"maxiter": _ITERATIONS},
    ).x
    return Maxent(options, features, found[:width] - found[width:], background)


def _features(options: Options, samples: Samples, presences: int) -> Features:
    named = set(options["categoricalNames"] or ())
    if unknown := named - set(samples.names):
        raise invalid(f"'categoricalNames' has '{min(unknown)}', which is no input.")
    continuous = [place for place, name in enumerate(samples.names) if name not in named]
    values = samples.inputs[:, continuous]
    low = values.min(axis=0) if continuous else np.zeros(0)
    extent = values.max(axis=0) - low if continuous else np.zeros(0)
    extent[extent == 0] = 1
    if options["autoFeature"]:
        many = presences >= options["lq2lqptThreshold"]
        allowed = {
            "linear": True,
            "quadratic": presences >= options["l2lqThreshold"],
            "hinge": presences >= options["hingeThreshold"],
            "product": many,
            # The program leaves thresholds out unless they are asked for.
            "threshold": many and options["threshold"],
        }
    else:
        allowed = {kind: options[kind] for kind in ("linear", "quadratic", "product", "hinge", "threshold")}
    kinds = [kind for kind, wanted in allowed.items() if wanted]
    categories = [
        (place, np.unique(samples.inputs[:, place])) for place, name in enumerate(samples.names) if name in named
    ]
    if not categories and (not kinds or not continuous):
        raise invalid("No features are left: allow one of linear, quadratic, product, hinge and threshold.")
    return Features(low, extent, continuous, categories, kinds)


def _penalties(options: Options, features: Features, present: Array) -> Array:
    """How much each unit of each feature's weight costs."""
    count = len(present)
    table = _PRODUCT if "product" in features.kinds else _QUADRATIC if "quadratic" in features.kinds else _LINEAR

    def level(given: float, automatic: float) -> float:
        return given if given >= 0 else automatic

    smooth = level(options["betaLqp"], _interpolated(table, count))
    levels = {
        "linear": smooth,
        "quadratic": smooth,
        "product": smooth,
        "hinge": level(options["betaHinge"], _HINGE),
        "threshold": level(options["betaThreshold"], _interpolated(_THRESHOLD, count)),
        "categorical": level(options["betaCategorical"], _interpolated(_CATEGORICAL, count)),
    }
    # A feature that is the same at all presences would cost nothing, and its weight would have no end.
    least = 1 / np.sqrt(count) if count > 1 else 1.0
    parts = [
        levels[kind] * np.maximum(block.std(axis=0), 0.05 * least if kind in ("linear", "quadratic") else least)
        for kind, block in features.blocks(present)
    ]
    return np.asarray(options["betaMultiplier"] * np.concatenate(parts) / np.sqrt(count)) + 1e-6


def _interpolated(table: Sequence[tuple[int, float]], count: int) -> float:
    return float(np.interp(count, [at for at, _ in table], [value for _, value in table]))
