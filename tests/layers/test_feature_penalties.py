"""The penalties on features: values, gradients, masks, training."""

import keras
import numpy as np
import pytest
from keras import ops

from polytask import MultiTaskModel
from polytask.errors import UserError
from polytask.layers import DecorrelationPenalty, OrthogonalityPenalty

RNG = np.random.default_rng(0)
PRIVATE = RNG.normal(size=(12, 3)).astype("float32")
SHARED = RNG.normal(size=(12, 4)).astype("float32") + PRIVATE[:, :1]
TASK = np.array([0, 2, 1, 0, 2, 2, 0, 1, 2, 0, 2, 0], "int32")


def rows_of(task):
    return np.flatnonzero(np.equal(TASK, task))


def added(layer, *inputs):
    layer(*inputs)
    (loss,) = layer.losses
    return float(loss)


def orthogonality(private, shared, center=True, normalize=True):
    """The penalty of one task in NumPy, float64."""
    p, s = (np.asarray(x, "float64") for x in (private, shared))
    if center:
        p, s = p - p.mean(axis=0), s - s.mean(axis=0)
    if normalize:
        p, s = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (p, s))
    return np.sum((s.T @ p) ** 2) / len(p) ** 2


def decorrelation(x, form):
    """The penalty in NumPy, float64."""
    c = np.cov(np.asarray(x, "float64").T, bias=form == "decov")
    between = np.sum(c**2) - np.sum(np.diag(c) ** 2)
    return between / 2 if form == "decov" else between / len(c)


def test_the_published_example_of_orthogonality_has_its_value():
    layer = OrthogonalityPenalty(1.0, center=False, normalize=False)
    value = added(layer, np.array([[1, 1], [0, 0]], "f"), np.eye(2, dtype="f"))
    assert value * 2**2 == pytest.approx(2)


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("normalize", [True, False])
def test_orthogonality_equals_its_formula(center, normalize):
    layer = OrthogonalityPenalty(0.3, center=center, normalize=normalize)
    expected = 0.3 * orthogonality(PRIVATE, SHARED, center, normalize)
    assert added(layer, PRIVATE, SHARED) == pytest.approx(expected, rel=1e-5)


def test_orthogonality_of_several_tasks_is_the_sum_over_their_own_rows():
    layer = OrthogonalityPenalty(1.0, num_tasks=3)
    expected = sum(
        orthogonality(PRIVATE[rows_of(t)], SHARED[rows_of(t)]) for t in range(3)
    )
    assert added(layer, PRIVATE, SHARED, TASK) == pytest.approx(expected, rel=1e-5)
    assert added(layer, PRIVATE, SHARED, TASK[:, None]) == pytest.approx(
        expected, rel=1e-5
    )
    # A task without rows adds nothing.
    more = OrthogonalityPenalty(1.0, num_tasks=5)
    assert added(more, PRIVATE, SHARED, TASK) == pytest.approx(expected, rel=1e-5)


def test_rows_without_a_task_do_not_count_even_if_they_hold_nan():
    counted = TASK == 0
    private, shared = PRIVATE.copy(), SHARED.copy()
    private[~counted] = np.nan
    shared[TASK == 1] = np.inf
    layer = OrthogonalityPenalty(1.0)
    expected = orthogonality(PRIVATE[counted], SHARED[counted])
    index = np.where(counted, 0, -1)
    assert added(layer, private, shared, index) == pytest.approx(expected, rel=1e-5)
    assert added(layer, private, shared, np.full(12, 7)) == 0


def test_orthogonal_features_cost_nothing_and_rows_of_zeros_do_no_harm():
    shared = np.array([[1, 0], [-1, 0], [1, 0], [-1, 0]], "f")
    private = np.array([[2], [2], [-2], [-2]], "f")
    assert added(OrthogonalityPenalty(1.0), private, shared) == pytest.approx(0)
    layer = OrthogonalityPenalty(1.0, center=False)
    zeros = np.zeros_like(private)
    slopes = gradient(lambda p: layer_value(layer, p, shared), zeros)
    assert np.isfinite(slopes).all()


@pytest.mark.parametrize("form", ["decov", "vicreg"])
def test_decorrelation_equals_its_formula(form):
    layer = DecorrelationPenalty(0.7, form)
    expected = 0.7 * decorrelation(SHARED, form)
    assert added(layer, SHARED) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("form", ["decov", "vicreg"])
@pytest.mark.parametrize("kind", ["bool", "float32"])
def test_masked_rows_do_not_count_in_decorrelation(form, kind):
    rows = TASK > 0
    features = SHARED.copy()
    features[~rows] = np.nan
    layer = DecorrelationPenalty(1.0, form)
    expected = decorrelation(SHARED[rows], form)
    assert added(layer, features, rows.astype(kind)) == pytest.approx(
        expected, rel=1e-5
    )
    one = np.arange(12) == 3
    assert added(layer, SHARED, one) == 0
    assert added(layer, SHARED, np.zeros(12, bool)) == 0


PENALTIES = {
    "orthogonality": lambda: OrthogonalityPenalty(1.0, num_tasks=3),
    "decov": lambda: DecorrelationPenalty(1.0, "decov"),
}


@pytest.mark.parametrize("name", PENALTIES)
def test_the_strength_means_the_same_for_any_batch_size(name):
    def value(times):
        repeated = [np.concatenate([x] * times) for x in (PRIVATE, SHARED, TASK)]
        inputs = repeated if name == "orthogonality" else repeated[:1]
        return added(PENALTIES[name](), *inputs)

    assert value(5) == pytest.approx(value(1), rel=1e-5)


@pytest.mark.parametrize("name", PENALTIES)
def test_positions_count_as_rows(name):
    flat = [PRIVATE, SHARED, TASK]
    folded = [
        PRIVATE.reshape(4, 3, 3),
        SHARED.reshape(4, 3, 4),
        np.array([0, 1, 2, 1], "int32"),
    ]
    flat[2] = np.repeat(folded[2], 3)
    number = 3 if name == "orthogonality" else 1
    expected = added(PENALTIES[name](), *flat[:number])
    assert added(PENALTIES[name](), *folded[:number]) == pytest.approx(
        expected, rel=1e-5
    )


def layer_value(layer, *inputs):
    layer(*inputs)
    return layer.losses[0]


def gradient(function, at):
    """The gradient of a scalar function of one tensor, on any backend."""
    variable = keras.Variable(at)
    match keras.backend.backend():
        case "jax":
            import jax

            return np.asarray(jax.grad(function)(variable.value))
        case "tensorflow":
            import tensorflow as tf

            with tf.GradientTape() as tape:
                value = function(ops.convert_to_tensor(variable))
            return tape.gradient(value, variable.value).numpy()
        case "torch":
            function(variable.value).backward()
            return variable.value.grad.numpy()


def finite_differences(function, at, step=1e-6):
    slopes = np.zeros(at.shape)
    for place in np.ndindex(at.shape):
        ahead, behind = np.array(at, "float64"), np.array(at, "float64")
        ahead[place] += step
        behind[place] -= step
        slopes[place] = (function(ahead) - function(behind)) / (2 * step)
    return slopes


@pytest.mark.slow
def test_the_gradient_of_orthogonality_equals_finite_differences():
    layer = OrthogonalityPenalty(1.0, num_tasks=3)

    def by_task(private, shared):
        return sum(
            orthogonality(private[rows_of(t)], shared[rows_of(t)]) for t in range(3)
        )

    found = gradient(lambda p: layer_value(layer, p, SHARED, TASK), PRIVATE)
    expected = finite_differences(lambda p: by_task(p, SHARED), PRIVATE)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)
    found = gradient(lambda s: layer_value(layer, PRIVATE, s, TASK), SHARED)
    expected = finite_differences(lambda s: by_task(PRIVATE, s), SHARED)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("form", ["decov", "vicreg"])
def test_the_gradient_of_decorrelation_equals_finite_differences(form):
    layer = DecorrelationPenalty(1.0, form)
    found = gradient(lambda x: layer_value(layer, x), SHARED)
    expected = finite_differences(lambda x: decorrelation(x, form), SHARED)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def small_model(orthogonality, decorrelation):
    x, task = keras.Input((6,)), keras.Input((), dtype="int32")
    shared = keras.layers.Dense(4, "tanh")(x)
    shared = DecorrelationPenalty(decorrelation)(shared)
    private = keras.layers.Dense(4, "tanh")(x)
    private = OrthogonalityPenalty(orthogonality, num_tasks=2)(private, shared, task)
    h = keras.layers.Concatenate(name="features")([shared, private])
    outputs = {name: keras.layers.Dense(1)(h) for name in "ab"}
    model = MultiTaskModel([x, task], outputs)
    model.compile(keras.optimizers.Adam(0.03), loss="mse")
    return model


@pytest.mark.slow
@pytest.mark.two_backends
def test_training_removes_what_private_and_shared_features_share(tmp_path):
    rows = RNG.normal(size=(64, 6)).astype("float32")
    task = (np.arange(64) % 2).astype("int32")
    y = {t: (rows @ RNG.normal(size=(6, 1))).astype("float32") for t in "ab"}

    def left(strength):
        keras.utils.set_random_seed(1)
        model = small_model(strength, strength)
        model.fit([rows, task], y, epochs=20, batch_size=32, verbose=0)
        features = keras.Model(model.inputs, model.get_layer("features").output)
        found = np.asarray(features.predict([rows, task], verbose=0))
        shared, private = found[:, :4], found[:, 4:]
        penalties = (
            sum(orthogonality(private[task == t], shared[task == t]) for t in range(2)),
            decorrelation(shared, "decov"),
        )
        return model, np.array(penalties)

    model, penalized = left(30.0)
    _, free = left(0.0)
    assert (penalized < 0.5 * free).all()
    file = tmp_path / "model.keras"
    model.save(file)
    again = keras.saving.load_model(file)
    kinds = (OrthogonalityPenalty, DecorrelationPenalty)
    for before, after in zip(model.layers, again.layers, strict=True):
        if isinstance(before, kinds):
            assert after.get_config() == before.get_config()
    for name, values in model.predict([rows, task], verbose=0).items():
        np.testing.assert_allclose(
            again.predict([rows, task], verbose=0)[name], values, rtol=1e-5, atol=1e-6
        )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: OrthogonalityPenalty(-1), "strength must be a finite number"),
        (lambda: OrthogonalityPenalty(float("nan")), "strength"),
        (lambda: OrthogonalityPenalty(num_tasks=0), "num_tasks must be an integer"),
        (lambda: DecorrelationPenalty(-0.1), "strength must be a finite number"),
        (lambda: DecorrelationPenalty(form="barlow"), "one of decov, vicreg"),
    ],
)
def test_a_wrong_argument_is_refused(make, message):
    with pytest.raises(UserError, match=message):
        make()
