"""What visited points tell of a map, against a map whose truth is known."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from earthline.field_points import Needs, draw
from earthline.field_points.estimates import of_classes, of_value
from tests.earthline.field_points.test_points import rasters

Array = np.ndarray[Any, Any]


def test_estimates_hold_the_truth_where_points_lie_where_the_map_is_wrong(tmp_path: Path) -> None:
    random = np.random.default_rng(4)
    margin = random.random((200, 250))
    mapped = (random.random(margin.shape) < 0.3).astype(int)
    truth = np.where(random.random(margin.shape) < 0.6 * (1 - margin) ** 2, 1 - mapped, mapped)
    height = 10 * margin + random.normal(size=margin.shape)  # the map says 5 everywhere
    shown, right = mapped == 1, mapped == truth
    wanted = {
        "overall": right.mean(),
        "user": right[shown].mean(),
        "producer": right[truth == 1].mean(),
        "area": (truth == 1).mean(),
        "bias": 5 - height.mean(),
        "root": np.sqrt(((5 - height) ** 2).mean()),
        "mean": height.mean(),
    }
    held, values, plain, errors = dict.fromkeys(wanted, 0), [], [], []
    with Needs(rasters(tmp_path, margin=margin)) as needs:
        for seed in range(200):
            points = draw(needs, 120, seed)
            chance = np.array([point.chance for point in points])
            places = np.array([point.x for point in points]), np.array([point.y for point in points])
            columns, rows = (each.astype(int) for each in ~needs.map.transform @ places)
            overall, classes = of_classes(truth[rows, columns], mapped[rows, columns], chance, 2)
            of_height = of_value(height[rows, columns], np.full(120, 5.0), chance)
            figures = {
                "overall": overall,
                "user": classes[1].user,
                "producer": classes[1].producer,
                "area": classes[1].area,
                "bias": of_height["bias"],
                "root": of_height["root mean square error"],
                "mean": of_height["mean on the ground"],
            }
            for name, figure in figures.items():
                assert figure.bounds is None or figure.bounds[0] <= figure.value <= figure.bounds[1]
                held[name] += figure.bounds is not None and figure.bounds[0] <= wanted[name] <= figure.bounds[1]
            values.append(overall.value)
            plain.append(right[rows, columns].mean())
            errors.append(of_height["bias"].value)
    assert {name: count for name, count in held.items() if not 178 <= count <= 200} == {}
    assert abs(np.mean(values) - wanted["overall"]) < 0.015
    assert abs(np.mean(errors) - wanted["bias"]) < 0.1
    # Without their chances the points would show the map as worse than it is.
    assert np.mean(plain) < wanted["overall"] - 0.04


def test_no_error_among_few_points_is_no_interval_and_no_point_no_figure() -> None:
    overall, (water, forest, none) = of_classes(np.array([0, 0, 1]), np.array([0, 0, 1]), np.array([0.1, 0.2, 0.1]), 3)
    assert (overall.value, overall.bounds) == (1, None)
    assert (water.labelled, water.mapped, water.user.value, water.user.bounds) == (2, 2, 1, None)
    assert forest.area.value == pytest.approx(10 / 25) and forest.area.bounds is not None
    assert (none.labelled, none.mapped) == (0, 0) and np.isnan(none.user.value) and np.isnan(none.producer.value)
