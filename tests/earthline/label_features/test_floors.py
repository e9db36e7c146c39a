"""What is said where a stratum has few points and polygons."""

from earthline.label_features.floors import few

NAMES = ("wood", "lake", "rock", "sand")


def test_few_and_single_features_are_told_with_their_split():
    counts = {
        "train": [(9, 1), (5, 0), (1, 0), (0, 0)],
        "validation": [(1, 0), (0, 0), (0, 0), (0, 0)],
        "test": [(10, 2), (0, 9), (0, 0), (0, 0)],
    }
    totals = [(20, 3), (5, 9), (1, 0), (0, 0)]
    found = few("class", NAMES, totals, counts)
    assert [title for title, _ in found] == ["single features", "few features in train", "few features in test"]
    assert found[0][1].startswith("'rock' (one point) in all: a single feature")
    assert found[1][1].startswith("class 'lake' has 5 points in train, fewer than 10: it is learned from few places")
    assert found[2][1].startswith("class 'lake' has 9 polygons in test, fewer than 10")
    pixels = {split: [7, 8, 9, 0] for split in counts}
    assert "has 5 points (8 pixels) in train" in few("class", NAMES, totals, counts, pixels)[1][1]
