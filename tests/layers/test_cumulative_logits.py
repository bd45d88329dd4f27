import keras
import numpy as np
import pytest
from keras import ops
from scipy.optimize import minimize
from scipy.special import expit

from polytask import MultiTaskModel
from polytask.errors import UserError
from polytask.layers import CumulativeLogits
from polytask.testing import LayerContract
from tests.helpers.many_steps import take_steps

SCORES = np.linspace(-4, 4, 7, dtype="float32")[:, None]


class TestContract(LayerContract):
    @pytest.fixture(autouse=True)
    def layer(self):
        self.make = lambda: CumulativeLogits(4)

    def arguments(self):
        return [SCORES]


def probabilities(thresholds, scores):
    """The model as it is written: differences of cumulative probabilities."""
    below = expit(np.asarray(thresholds) - scores)
    ends = np.zeros((len(scores), 1)), np.ones((len(scores), 1))
    return np.diff(np.concatenate([ends[0], below, ends[1]], axis=1))


def test_it_gives_the_differences_of_cumulative_probabilities():
    layer = CumulativeLogits(4)
    layer.build((None, 1))
    layer.moves.assign([0.3, -1.0, 0.7])
    thresholds = ops.convert_to_numpy(layer.thresholds)
    assert np.all(np.diff(thresholds) > 0)
    found = ops.convert_to_numpy(layer(SCORES))
    expected = probabilities(thresholds.astype(float), SCORES.astype(float))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)


def test_at_first_all_classes_are_equally_likely():
    for classes in (2, 3, 5):
        found = CumulativeLogits(classes)(np.zeros((1, 1), "float32"))
        np.testing.assert_allclose(ops.convert_to_numpy(found), 1 / classes, rtol=1e-6)


def test_far_scores_give_small_probabilities_and_no_zeros():
    found = ops.convert_to_numpy(CumulativeLogits(5)(np.array([[-40.0], [40.0]])))
    assert np.isfinite(found).all()
    assert (found > 0).all()


def test_a_network_ends_where_the_maximum_likelihood_estimate_is():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 2)).astype("float32")
    latent = x @ [1.0, -0.5] + rng.logistic(size=400)
    y = np.digitize(latent, [-1.0, 0.5, 2.0]).astype("int32")

    def likelihood(parameters):
        thresholds = np.cumsum([parameters[2], *np.exp(parameters[3:])])
        p = probabilities(thresholds, x.astype(float) @ parameters[:2, None])
        return -np.log(p[np.arange(400), y]).mean()

    best = minimize(likelihood, np.zeros(5), method="BFGS")
    inputs = keras.Input((2,))
    score = keras.layers.Dense(1, use_bias=False)(inputs)
    model = MultiTaskModel(inputs, {"grade": CumulativeLogits(4)(score)})
    loss = "sparse_categorical_crossentropy"
    model.compile(keras.optimizers.Adam(0.05), loss={"grade": loss})
    take_steps(model, x, {"grade": y}, 250)
    value = model.evaluate(x, {"grade": y}, batch_size=400, verbose=0)
    value = value[0] if isinstance(value, list) else value
    assert value == pytest.approx(best.fun, abs=1e-4)


@pytest.mark.parametrize("classes", [1, 0, 2.0, True, "3"])
def test_a_wrong_number_of_classes_is_refused(classes):
    with pytest.raises(UserError, match="integer of at least 2"):
        CumulativeLogits(classes)


def test_more_than_one_score_is_refused():
    with pytest.raises(UserError, match="one score a row"):
        CumulativeLogits(3)(np.zeros((2, 2), "float32"))
