import ee
import pytest

from earthline_sandbox.errors import ApiError


@pytest.mark.parametrize("text", ["1 +", "b(", "a..b", "x y", "'", "a[1", "unknown(1)", "nothing", "1 ? 2", "(" * 500])
def test_expressions_that_cannot_be_read_are_refused(world, text):
    with pytest.raises(ApiError) as caught:
        world.evaluate(ee.Image(1).expression(text, {"a": ee.Image(1)}))
    assert caught.value.code == 400
