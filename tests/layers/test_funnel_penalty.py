import keras
import numpy as np
import pytest

from polytask import MultiTaskModel
from polytask.balancing import Fixed
from polytask.errors import UserError
from polytask.layers import FunnelPenalty

ROWS = np.random.default_rng(0).normal(size=(12, 3)).astype("float32")
CLICK = (ROWS[:, :1] > 0).astype("float32")
BUY = (ROWS[:, 1:2] > 0.5).astype("float32")


def network(strength, balancer="equal", rate=0.5, shared_head=False):
    """A linear trunk and two sigmoid towers, with weights that break the funnel."""
    x = keras.Input((3,))
    h = keras.layers.Dense(2, kernel_initializer="ones", name="trunk")(x)
    stages = []
    for name, bias in (("click", -1.0), ("buy", 1.0)):
        start = keras.initializers.Constant(bias)
        tower = keras.layers.Dense(1, "sigmoid", bias_initializer=start, name=name)
        stages.append(tower(h))
        tower.kernel.assign([[0.3], [-0.2]])
    if strength is not None:
        stages = FunnelPenalty(strength)(stages)
    model = MultiTaskModel(x, dict(zip(("click", "buy"), stages, strict=True)))
    loss = "binary_crossentropy"
    model.compile(keras.optimizers.SGD(rate), loss=loss, balancer=balancer)
    return model


def weights_of(model, names=("trunk", "click", "buy")):
    return [
        keras.ops.convert_to_numpy(v).copy()
        for name in names
        for v in model.get_layer(name).weights
    ]


def trained(model, click=CLICK, buy=BUY):
    targets = {"click": click, "buy": buy}
    history = model.fit(ROWS, targets, batch_size=12, epochs=1, verbose=0).history
    return history, weights_of(model)


def test_the_value_is_the_mean_excess_of_each_stage():
    columns = ([0.5, 0.2], [0.4, 0.6], [0.9, 0.0])
    stages = [np.array(column, "float32")[:, None] for column in columns]
    layer = FunnelPenalty(0.7)
    passed = layer(stages)
    for before, after in zip(stages, passed, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(after), before)
    expected = 0.7 * (np.mean([0, 0.4]) + np.mean([0.5, 0]))
    value = keras.ops.convert_to_numpy(layer.losses[0])
    np.testing.assert_allclose(value, expected, rtol=1e-6)


def test_positions_that_a_mask_leaves_out_do_not_count():
    click, buy = np.array([[0.1, 0.2]]), np.array([[0.5, 0.9]])
    masks = [np.array([[True, False]]), None]
    value = FunnelPenalty(1.0).penalty([click, buy], masks)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(value), 0.4, rtol=1e-6)


def test_predictions_that_keep_the_funnel_cost_nothing():
    click, buy = np.array([[0.5], [0.2]]), np.array([[0.5], [0.1]])
    value = FunnelPenalty(1.0).penalty([click, buy])
    assert float(keras.ops.convert_to_numpy(value)) == 0.0


def test_each_tower_stays_private_and_the_trunk_shared():
    model = network(0.5)
    owned = {task: [v.path for v in vs] for task, vs in model.private_variables.items()}
    assert owned == {t: [f"{t}/kernel", f"{t}/bias"] for t in ("click", "buy")}
    shared = [v.path for v in model.shared_variables]
    assert shared == ["trunk/kernel", "trunk/bias"]


def test_one_step_is_that_of_keras():
    start = network(0.5)
    _, found = trained(start)
    model = network(0.5)
    plain = keras.Model(model.input, model.output)
    plain.compile(keras.optimizers.SGD(0.5), loss="binary_crossentropy")
    plain.fit(ROWS, {"click": CLICK, "buy": BUY}, batch_size=12, verbose=0)
    for ours, theirs in zip(found, weights_of(plain), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
    _, without = trained(network(None))
    assert max(np.abs(a - b).max() for a, b in zip(found, without, strict=True)) > 1e-3


@pytest.mark.two_backends
def test_the_reported_loss_holds_the_penalty_in_training_and_evaluation():
    targets = {"click": CLICK, "buy": BUY}
    losses = {}
    for strength in (0.0, 2.0):
        model = network(strength, rate=0.0)
        history, _ = trained(model)
        evaluated = model.evaluate(ROWS, targets, verbose=0, return_dict=True)
        losses[strength] = (history["loss"][0], evaluated["loss"])
    p = model.predict(ROWS, verbose=0)
    expected = 2.0 * np.mean(np.maximum(p["buy"] - p["click"], 0))
    for zero, two in zip(losses[0.0], losses[2.0], strict=True):
        np.testing.assert_allclose(two - zero, expected, rtol=1e-4)


@pytest.mark.two_backends
def test_a_balancer_neither_sees_nor_weighs_the_penalty():
    def effect(**balancer):
        """What the penalty adds to one step."""
        without, added = (trained(network(s, **balancer))[1] for s in (0.0, 0.5))
        return [b - a for a, b in zip(without, added, strict=True)]

    for plain, balanced in zip(
        effect(), effect(balancer=Fixed([0.25, 3.0])), strict=True
    ):
        np.testing.assert_allclose(balanced, plain, rtol=1e-4, atol=1e-7)


def test_rows_without_labels_are_penalized_and_an_absent_task_keeps_its_tower():
    model = network(0.5)
    before = weights_of(model)
    nothing = np.full_like(BUY, np.nan)
    _, after = trained(model, click=CLICK, buy=nothing)
    for a, b in zip(before[4:], after[4:], strict=True):
        np.testing.assert_array_equal(a, b)
    _, without = trained(network(0.0), click=CLICK, buy=nothing)
    assert np.abs(after[2] - without[2]).max() > 1e-4


@pytest.mark.two_backends
def test_training_with_it_mends_a_broken_funnel():
    model = network(5.0)
    for _ in range(40):
        trained(model)
    p = model.predict(ROWS, verbose=0)
    assert np.mean(np.maximum(p["buy"] - p["click"], 0)) < 0.02


def test_a_model_with_it_is_saved_and_loaded(tmp_path):
    model = network(0.5)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    expected, found = (trained(m)[1] for m in (model, loaded))
    for a, b in zip(expected, found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)


def test_a_layer_behind_it_is_refused_by_compile():
    x = keras.Input((3,))
    stages = [keras.layers.Dense(1, "sigmoid")(x) for _ in range(2)]
    click, buy = FunnelPenalty(0.5)(stages)
    model = MultiTaskModel(x, {"click": click, "buy": keras.layers.ReLU()(buy)})
    with pytest.raises(UserError, match="must be the last layer"):
        model.compile("sgd", loss="mse")


def test_a_stage_without_a_loss_is_refused_by_compile():
    model = network(0.5)
    with pytest.raises(UserError, match="each of them with a loss"):
        model.compile("sgd", loss={"click": "mse", "buy": None})


def test_wrong_arguments_are_refused():
    with pytest.raises(UserError, match="strength must be"):
        FunnelPenalty(-0.1)
    with pytest.raises(UserError, match="two or more tensors of the same shape"):
        FunnelPenalty()(np.zeros((4, 1)))
    with pytest.raises(UserError, match="two or more tensors of the same shape"):
        FunnelPenalty()([np.zeros((4, 1)), np.zeros((4, 2))])
