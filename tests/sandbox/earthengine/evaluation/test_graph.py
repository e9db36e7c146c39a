import ee
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earthline_sandbox.earthengine.evaluation.evaluation import Evaluator
from earthline_sandbox.earthengine.language import registry
from earthline_sandbox.earthengine.language.graph import GraphLimits
from earthline_sandbox.errors import ApiError


def refused(world, expression):
    with pytest.raises(ApiError) as caught:
        world.evaluator.to_json(world.evaluator.evaluate(expression))
    assert caught.value.status == "INVALID_ARGUMENT"
    return caught.value.message


def test_every_implementation_has_the_parameters_of_its_signature():
    signatures = registry.signatures()
    assert len(signatures) == 985
    for name, implementation in registry.implementations().items():
        declared = {parameter.name for parameter in signatures[name].parameters}
        assert set(implementation.accepted) | implementation.ignored == declared, name
        assert not set(implementation.accepted) & implementation.ignored, name


def test_functions_take_named_arguments_and_fill_in_defaults(world):
    call = {"functionName": "List.sequence", "arguments": {"end": {"constantValue": 3}, "start": {"constantValue": 1}}}
    assert world.evaluator.evaluate({"result": "0", "values": {"0": {"functionInvocationValue": call}}}) == [1, 2, 3]


def test_an_unimplemented_function_is_named(world):
    assert "Image.hersFeature" in refused(
        world,
        ee.serializer.encode(ee.ApiFunction("Image.hersFeature").call(ee.Image(1), {}), for_cloud_api=True),
    )


def test_closures_see_the_arguments_around_them(world):
    table = ee.List([1, 2]).map(lambda x: ee.List([10, 20]).map(lambda y: ee.Number(x).multiply(y)))
    assert world.compute(table) == [[10, 20], [20, 40]]


def test_a_value_that_does_not_depend_on_the_argument_is_computed_once(world, monkeypatch):
    calls = []
    original = world.assets.get
    monkeypatch.setattr(world.assets, "get", lambda name: calls.append(name) or original(name))
    world.compute(ee.List.sequence(1, 5).map(lambda x: ee.Number(ee.Image("C/s0").get("cloud")).add(x)))
    assert calls == ["C/s0"]


def test_only_the_chosen_case_is_computed(world):
    missing = ee.Image("missing").get("x")
    assert world.compute(ee.Algorithms.If(ee.Number(1), "yes", missing)) == "yes"
    nested = ee.List([0, 3]).map(lambda x: ee.Algorithms.If(x, ee.Number(6).divide(x), -1))
    assert world.compute(nested) == [-1, 2]


def test_long_chains_are_no_problem(world):
    number = ee.Number(0)
    for _ in range(1500):
        number = number.add(1)
    assert world.compute(number) == 1500
    image = ee.Image(0)
    for _ in range(300):
        image = image.add(1)
    assert world.pixel(image) == 300


def test_a_shared_subexpression_is_not_computed_twice_per_use(world):
    image = ee.Image("C/s0").select("red").toInt64()
    for _ in range(40):
        image = image.subtract(image.divide(2).toInt64())
    assert world.pixels(image)[0].max() <= 1


CONSTANT = {"constantValue": 1}


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ({}, "result"),
        ({"result": "0", "values": {}}, "not among"),
        ({"result": 3, "values": {"3": CONSTANT}}, "not among"),
        ({"result": "0", "values": {"0": {"valueReference": "0"}}}, "refers to itself"),
        ({"result": "0", "values": {"0": {"arrayValue": {"values": [{"valueReference": "1"}]}},
                                    "1": {"arrayValue": {"values": [{"valueReference": "0"}]}}}}, "refers to itself"),
        ({"result": "0", "values": {"0": {"argumentReference": "x"}}}, "not bound"),
        ({"result": "0", "values": {"0": {"mystery": 1}}}, "mystery"),
        ({"result": "0", "values": {"0": [1]}}, "one field"),
        ({"result": "0", "values": {"0": {"arrayValue": {"values": 3}}}}, "list"),
        ({"result": "0", "values": {"0": {"functionInvocationValue": {"arguments": {}}}}}, "names no function"),
        ({"result": "0", "values": {"0": {"functionInvocationValue": {"functionName": "No.such"}}}}, "No.such"),
        ({"result": "0", "values": {"0": {"functionInvocationValue": {
            "functionName": "Number.add", "arguments": {"left": CONSTANT}}}}}, "'right' is required"),
        ({"result": "0", "values": {"0": {"functionInvocationValue": {
            "functionName": "Number.add", "arguments": {"left": CONSTANT, "right": CONSTANT, "third": CONSTANT}}}}},
         "third"),
        ({"result": "0", "values": {"0": {"functionInvocationValue": {
            "functionName": "Number.add", "arguments": {"left": CONSTANT, "right": {"constantValue": "a"}}}}}},
         "Number.add, argument 'right': Invalid type.\nExpected type: Number.\nActual type: String."),
    ],
)  # fmt: skip
def test_malformed_graphs_are_refused_in_words(world, expression, message):
    assert message in refused(world, expression)


def test_graphs_are_bounded(world):
    small = Evaluator(world.assets, limits=GraphLimits(nodes=10, depth=5, constant_depth=5))
    wide = {"result": "0", "values": {"0": {"arrayValue": {"values": [CONSTANT] * 20}}}}
    deep = {"result": "0", "values": {str(i): {"arrayValue": {"values": [{"valueReference": str(i + 1)}]}}
                                      for i in range(8)} | {"8": CONSTANT}}  # fmt: skip
    nested = {"result": "0", "values": {"0": {"constantValue": [[[[[[1]]]]]]}}}
    for expression in (wide, deep, nested):
        with pytest.raises(ApiError):
            small.evaluate(expression)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KINDS = st.sampled_from(
    ["constantValue", "arrayValue", "dictionaryValue", "valueReference", "functionInvocationValue",
     "functionDefinitionValue", "argumentReference", "integerValue"]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from("012"), JSON | st.dictionaries(KINDS, JSON, min_size=1, max_size=1)))
def test_no_graph_escapes_as_anything_but_an_api_error(world, values):
    try:
        world.evaluator.to_json(world.evaluator.evaluate({"result": "0", "values": values}))
    except ApiError as error:
        assert error.code == 400


def test_an_answer_has_at_most_so_many_elements(world):
    points = ee.FeatureCollection.randomPoints(ee.Geometry.Rectangle([0, 0, 1, 1]), 5_001)
    with pytest.raises(ApiError, match="Collection query aborted after accumulating over 5000 elements"):
        world.compute(points)
    assert world.compute(points.size()) == 5_001
