"""A number that may change in training: in penalties, decay, losses and layers."""

import keras
import numpy as np
import pytest

import polytask
from polytask import Knob, MultiTaskModel, UserError, regularizers

ROWS = np.random.default_rng(0).normal(size=(64, 5)).astype("float32")
TARGETS = {"a": ROWS[:, :1] - ROWS[:, 1:2], "b": np.tanh(ROWS[:, 2:3])}


def model_with(strength, decay=0.0, weight=1.0, rate=0.0):
    keras.utils.set_random_seed(0)
    penalty = regularizers.L1(strength)
    x = keras.Input((5,))
    h = keras.layers.Dense(4, kernel_regularizer=penalty, name="trunk_0")(x)
    if not isinstance(rate, float) or rate:
        h = polytask.layers.Dropout(rate, seed=3, name="drop")(h)
    heads = {task: keras.layers.Dense(1, name=task)(h) for task in TARGETS}
    model = MultiTaskModel(x, heads)
    model.compile(
        keras.optimizers.Adam(0.01),
        loss="mse",
        loss_weights={"a": weight},
        weight_decay={"trunk": decay},
    )
    return model


def trained(model, epochs=2):
    history = model.fit(
        ROWS, TARGETS, batch_size=16, epochs=epochs, shuffle=False, verbose=0
    )
    return history.history["loss"], model.get_weights()


def kernel(model):
    return keras.ops.convert_to_numpy(model.get_layer("trunk_0").kernel)


def test_a_model_with_knobs_trains_as_with_the_numbers():
    knobs = [Knob(0.1), Knob(0.2), Knob(0.5)]
    losses, weights = trained(model_with(*knobs))
    expected_losses, expected = trained(model_with(0.1, 0.2, 0.5))
    np.testing.assert_allclose(losses, expected_losses, rtol=1e-5)
    for found, wanted in zip(weights, expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)


def test_a_knob_changes_the_training_without_a_new_train_function():
    strength = Knob(0.0)
    model = model_with(strength)
    trained(model)
    function = model.train_function
    assert np.count_nonzero(kernel(model)) == 20
    strength.assign(50.0)
    trained(model)
    assert model.train_function is function
    assert np.count_nonzero(kernel(model)) == 0


def test_the_loss_of_an_evaluation_follows_the_knob():
    strength = Knob(0.0)
    model = model_with(strength)
    before = model.evaluate(ROWS, TARGETS, verbose=0, return_dict=True)["loss"]
    strength.assign(2.0)
    after = model.evaluate(ROWS, TARGETS, verbose=0, return_dict=True)["loss"]
    assert after - before == pytest.approx(2.0 * np.abs(kernel(model)).sum(), rel=1e-4)


def test_a_knob_is_no_weight_of_the_model():
    model = model_with(Knob(0.1), Knob(0.1), Knob(0.1))
    assert model.count_params() == model_with(0.1).count_params()
    assert len(model.get_weights()) == len(model_with(0.1).get_weights())


@pytest.mark.two_backends
def test_a_keras_file_holds_the_present_value_and_who_shares_it(tmp_path):
    shared = Knob(0.1, name="both")
    model = model_with(shared, decay=shared)
    trained(model)
    shared.assign(0.3)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    found = loaded.get_layer("trunk_0").kernel_regularizer.strength
    assert (repr(found), found.name) == ("Knob(0.3)", "both")
    assert loaded.step_plan.optimizer.rules.decayed[0].rate is found
    found.assign(50.0)
    trained(loaded)
    assert np.count_nonzero(kernel(loaded)) == 0


def test_training_continues_from_a_file_with_the_same_numbers(tmp_path):
    model = model_with(Knob(0.05), Knob(0.2), Knob(0.5), Knob(0.3))
    trained(model)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(trained(loaded)[0], trained(model)[0], rtol=1e-5)


KNOBLESS = {"dirty"}
OPTIONS = {
    "clustered": {"clusters": 2},
    "graph_laplacian": {"edges": "chain"},
    "l2_sp": {"reference": np.ones((4, 3)).tolist()},
    "network_lasso": {"edges": "chain"},
    "tree_group_lasso": {"groups": [[0, 1], [0, 1, 2]]},
    "weighted_l1": {"weights": np.linspace(0, 2, 12).reshape(4, 3).tolist()},
}
PROJECTIONS = {"box", "l1_ball", "max_norm", "non_negative", "orthonormal", "simplex"}
PROJECTIONS |= {"spectral_ball", "top_k", "unit_norm"}
PENALTIES = sorted(set(regularizers.names()) - PROJECTIONS)


def _with_strengths(name, make):
    options = OPTIONS.get(name, {})
    penalty = regularizers.get(name, **options)
    given = {n: make(getattr(penalty, n)) for n in penalty.strengths}
    return regularizers.get(name, **options, **given)


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="traced by JAX")
@pytest.mark.parametrize("name", sorted(set(PENALTIES) - KNOBLESS))
def test_every_penalty_computes_in_a_step_that_is_given_its_knobs(name):
    # As the lanes of a study are: while it is traced, a knob has no value.
    import jax

    penalty = _with_strengths(name, Knob)
    if isinstance(penalty, regularizers.TaskStructure):
        penalty.bind(("a", "b", "c"), (1, 1, 1))
    knobs = [getattr(penalty, strength) for strength in penalty.strengths]
    w = np.ones((4, 3), "float32")

    def step(values):
        with keras.StatelessScope(list(zip(knobs, values, strict=True))):
            return penalty(w), penalty.prox(w, 0.5) if penalty.has_prox else w

    value, moved = jax.eval_shape(step, [knob.value for knob in knobs])
    assert value.shape == ()
    assert moved.shape == w.shape


@pytest.mark.slow
@pytest.mark.two_backends
@pytest.mark.parametrize("name", PENALTIES)
def test_every_penalty_computes_with_knobs_as_with_numbers(name):
    if name in KNOBLESS:
        with pytest.raises(UserError, match=r"must be .*; found Knob"):
            _with_strengths(name, Knob)
        return
    penalty, expected = _with_strengths(name, Knob), _with_strengths(name, float)
    if isinstance(penalty, regularizers.TaskStructure):
        for each in (penalty, expected):
            each.bind(("a", "b", "c"), (1, 1, 1))
    w = np.random.default_rng(1).normal(size=(4, 3)).astype("float32")
    np.testing.assert_allclose(float(penalty(w)), float(expected(w)), rtol=1e-5)
    if penalty.has_prox:
        np.testing.assert_allclose(
            keras.ops.convert_to_numpy(penalty.prox(w, 0.5)),
            keras.ops.convert_to_numpy(expected.prox(w, 0.5)),
            rtol=1e-4,
            atol=1e-6,
        )
        found = penalty.distance_to_optimality(w, w)
        wanted = expected.distance_to_optimality(w, w)
        np.testing.assert_allclose(float(found), float(wanted), rtol=1e-4)
    config = keras.saving.serialize_keras_object(penalty)
    again = keras.saving.deserialize_keras_object(config)
    for strength in penalty.strengths:
        assert isinstance(getattr(again, strength), Knob)


@pytest.mark.parametrize("value", [-1.0, float("nan"), "much"])
def test_a_wrong_value_is_refused(value):
    with pytest.raises((UserError, ValueError), match=r"number|could not convert"):
        regularizers.L1(Knob(value))


def test_another_variable_is_refused_by_name():
    variable = keras.Variable(0.1, trainable=False)
    with pytest.raises(UserError, match=r"polytask\.Knob"):
        regularizers.L1(variable)


@pytest.mark.two_backends
def test_each_part_of_a_sum_acts_in_its_own_way():
    l2, l1 = Knob(0.5, name="l2"), Knob(0.0, name="l1")

    def fitted(penalty):
        keras.utils.set_random_seed(0)
        x = keras.Input((5,))
        head = keras.layers.Dense(1, kernel_regularizer=penalty, name="a")
        model = MultiTaskModel(x, {"a": head(x)})
        model.compile(keras.optimizers.Adam(0.01), loss="mse")
        model.fit(ROWS, TARGETS["a"], batch_size=16, epochs=3, shuffle=False, verbose=0)
        return keras.ops.convert_to_numpy(head.kernel)

    def both():
        return regularizers.Sum([regularizers.L2(l2), regularizers.L1(l1)])

    np.testing.assert_allclose(fitted(both()), fitted(regularizers.L2(0.5)), rtol=1e-5)
    l2.assign(0.0)
    l1.assign(0.2)
    np.testing.assert_allclose(fitted(both()), fitted(regularizers.L1(0.2)), rtol=1e-5)
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(both())
    )
    assert repr(again) == "Sum([L2(strength=Knob(0.0)), L1(strength=Knob(0.2))])"
