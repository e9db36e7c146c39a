import pytest

from earthline_sandbox.earthengine.language import registry
from earthline_sandbox.errors import ApiError


@pytest.mark.parametrize(
    ("successor", "names"),
    [
        ("smileCart", ["cart"]),
        ("smileRandomForest", ["randomForest"]),
        ("smileNaiveBayes", ["naiveBayes", "continuousNaiveBayes"]),
        ("amnhMaxent", ["gmoMaxEnt"]),
        ("libsvm", ["svm", "ikpamir", "pegasos", "pegasosGaussian", "pegasosLinear", "pegasosPolynomial"]),
        (None, ["gmoLinearRegression", "perceptron", "winnow"]),
    ],
)
def test_a_removed_classifier_names_its_successor(world, successor, names):
    for name in names:
        parameters = registry.signatures()[f"Classifier.{name}"].parameters
        needed = {item.name: "linear" if item.type == "String" else 1 for item in parameters if not item.optional}
        with pytest.raises(ApiError) as caught:
            registry.call(world.evaluator, f"Classifier.{name}", needed)
        advice = f" Use ee.Classifier.{successor}." if successor else ""
        assert caught.value.message == (
            f"Classifier.{name}: This classifier has been removed. "
            f"For more information see: https://goo.gle/deprecated-classifiers.{advice}"
        )
