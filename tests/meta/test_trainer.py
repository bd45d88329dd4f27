"""Meta-learning: gradients against finite differences, masks, and options."""

import keras
import numpy as np
import pytest

from polytask import Knob, MultiTaskModel, UserError, layers, meta, training
from polytask.meta.dropout_masks import DropoutMasks

RATE = 0.3
SHAPES = [(1, 3), (3,), (3, 1), (1,)]


def network(optimizer=None, tasks=("y",), penalty=None, dropout=None, **options):
    """A tanh network of one hidden layer, compiled so that a step is the gradient."""
    x = keras.Input((1,))
    h = keras.layers.Dense(3, activation="tanh", kernel_regularizer=penalty)(x)
    h = dropout(h) if dropout else h
    model = MultiTaskModel(x, {t: keras.layers.Dense(1)(h) for t in tasks})
    model.compile(optimizer or keras.optimizers.SGD(1.0), loss="mse", **options)
    return model


def copied(variable):
    return np.array(keras.ops.convert_to_numpy(variable))


def episodes(tasks=2, rows=4, seed=0):
    random = np.random.default_rng(seed)
    x = random.normal(size=(2, tasks, rows, 1))
    y = np.sin(2 * x) + random.normal(size=(2, tasks, 1, 1))
    return (x[0], y[0]), (x[1], y[1])


def known_by_heart(model):
    """Episodes of which the heads, zero from now on, make no error: no loss pulls."""
    for head in model.private_variables.values():
        for variable in head:
            variable.assign(np.zeros(variable.shape))
    (x, y), (xq, yq) = episodes()
    return (x, dict.fromkeys("ab", 0 * y)), (xq, dict.fromkeys("ab", 0 * yq))


def unpacked(flat):
    ends = np.cumsum([np.prod(shape) for shape in SHAPES])
    parts = np.split(flat, ends[:-1])
    return [part.reshape(shape) for part, shape in zip(parts, SHAPES, strict=True)]


def loss_and_gradient(flat, x, y, mask=1.0):
    """The mean squared error of the network, in double precision, by hand."""
    w, b, v, c = unpacked(flat)
    h = np.tanh(x @ w + b)
    error = (h * mask) @ v + c - y
    g = 2 * error / len(x)
    back = (g @ v.T) * mask * (1 - h**2)
    gradient = [x.T @ back, back.sum(0), (h * mask).T @ g, g.sum(0)]
    return np.mean(error**2), np.concatenate([part.ravel() for part in gradient])


def differences(function, flat, step=1e-5):
    """The gradient of a function by central differences."""
    sides = np.eye(len(flat)) * step
    return np.array(
        [(function(flat + s) - function(flat - s)) / (2 * step) for s in sides]
    )


HEAD = np.repeat([0.0, 0.0, 1.0, 1.0], [np.prod(shape) for shape in SHAPES])


@pytest.mark.parametrize(
    ("method", "fast", "steps"),
    [("maml", 1.0, 2), ("anil", HEAD, 1), ("boil", 1 - HEAD, 1)],
)
def test_a_step_of_the_outer_loop_is_the_gradient_through_the_inner_one(
    method, fast, steps
):
    model = network()
    start = np.concatenate([w.ravel() for w in model.get_weights()]).astype(float)
    support, query = episodes()

    def after_the_inner_loop(flat):
        losses = []
        for x, y, xq, yq in zip(*support, *query, strict=True):
            moved = flat
            for _ in range(steps):
                moved = moved - RATE * fast * loss_and_gradient(moved, x, y)[1]
            losses.append(loss_and_gradient(moved, xq, yq)[0])
        return np.mean(losses)

    trainer = meta.Trainer(model, method, inner_rate=RATE, inner_steps=steps)
    history = trainer.fit([(support, query)], steps=1)
    assert history["loss"] == pytest.approx([after_the_inner_loop(start)], rel=1e-5)
    end = np.concatenate([w.ravel() for w in model.get_weights()])
    expected = differences(after_the_inner_loop, start)
    np.testing.assert_allclose(start - end, expected, atol=1e-5)


def masks_by_hand(where, seed, episodes, steps, few, new):
    """The masks that a first step of the outer loop has, at a rate of one half."""
    random = np.random.default_rng(seed)
    inner, outer = np.ones((episodes, steps, few, 3)), np.ones((episodes, new, 3))
    if where != "outer":
        inner = 2.0 * (random.random(inner.shape, dtype="float32") >= 0.5)
    if where != "inner":
        outer = 2.0 * (random.random(outer.shape, dtype="float32") >= 0.5)
    return inner, outer


@pytest.mark.parametrize("where", ["inner", "outer", "both"])
def test_dropout_acts_in_each_inner_step_in_the_loss_after_them_or_in_both(where):
    model = network(dropout=keras.layers.Dropout(0.5))
    start = np.concatenate([w.ravel() for w in model.get_weights()]).astype(float)
    support, query = episodes()
    inner, outer = masks_by_hand(where, 7, episodes=2, steps=2, few=4, new=4)

    def after_the_inner_loop(flat):
        losses = []
        for i, (x, y, xq, yq) in enumerate(zip(*support, *query, strict=True)):
            moved = flat
            for mask in inner[i]:
                moved = moved - RATE * loss_and_gradient(moved, x, y, mask)[1]
            losses.append(loss_and_gradient(moved, xq, yq, outer[i])[0])
        return np.mean(losses)

    trainer = meta.Trainer(model, "maml", RATE, inner_steps=2, dropout=where, seed=7)
    history = trainer.fit([(support, query)], steps=1)
    assert history["loss"] == pytest.approx([after_the_inner_loop(start)], rel=1e-5)
    end = np.concatenate([w.ravel() for w in model.get_weights()])
    expected = differences(after_the_inner_loop, start)
    np.testing.assert_allclose(start - end, expected, atol=1e-5)


def test_reptile_drops_on_its_way_and_evaluation_never_does():
    model = network(dropout=layers.Dropout(0.5))
    start = np.concatenate([w.ravel() for w in model.get_weights()]).astype(float)
    support, query = episodes()
    inner, _ = masks_by_hand("inner", 0, episodes=2, steps=2, few=8, new=0)
    trainer = meta.Trainer(model, "reptile", RATE, inner_steps=2, dropout="inner")
    ways, undropped = [], []
    for x, y, xq, yq, masks in zip(*support, *query, inner, strict=True):
        both = np.concatenate([x, xq]), np.concatenate([y, yq])
        moved = start
        for mask in masks:
            moved = moved - RATE * loss_and_gradient(moved, *both, mask)[1]
        ways.append(start - moved)
        undropped.append(loss_and_gradient(start, xq, yq)[0])
    losses = trainer.evaluate(support, query, steps=0)["y"]
    np.testing.assert_allclose(losses, undropped, rtol=1e-5)
    trainer.fit([(support, query)], 1)
    end = np.concatenate([w.ravel() for w in model.get_weights()])
    np.testing.assert_allclose(start - end, np.mean(ways, 0), atol=1e-5)


def test_masks_drop_at_their_rate_whole_channels_where_the_layer_does(tmp_path):
    x = keras.Input((5, 4))
    h = keras.layers.SpatialDropout1D(0.25)(keras.layers.Dense(4)(x))
    h = keras.layers.Dropout(0.5)(keras.layers.Flatten()(h))
    model = MultiTaskModel(x, {"y": keras.layers.Dense(1)(h)})
    dropped = DropoutMasks(model)
    channels, units = dropped.drawn(np.random.default_rng(0), 3, 100)
    assert channels.shape == (3, 100, 1, 4)
    assert units.shape == (3, 100, 20)
    np.testing.assert_allclose(np.unique(channels), [0, 4 / 3], rtol=1e-6)
    assert abs(np.mean(units == 0) - 0.5) < 0.03
    rows = np.random.default_rng(1).normal(size=(2, 5, 4)).astype("float32")
    plain = keras.ops.convert_to_numpy(model(rows)["y"])
    ones = [np.ones((2, 1, 4), "float32"), np.ones((2, 20), "float32")]
    same = keras.ops.convert_to_numpy(dropped.forward(ones)(rows)["y"])
    np.testing.assert_allclose(same, plain, rtol=1e-6)
    # The copy shares its layers, and leaves the model as it can be saved.
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(again(rows)["y"]), plain, rtol=1e-6
    )


def test_dropout_that_no_mask_would_reach_is_refused():
    with pytest.raises(UserError, match="has no dropout: add a"):
        meta.Trainer(network(), dropout="both")
    drops = network(dropout=keras.layers.Dropout(0.5))
    with pytest.raises(UserError, match="of which Reptile takes no gradient"):
        meta.Trainer(drops, "reptile", inner_steps=2, dropout="outer")
    nested = keras.Sequential([keras.layers.Dropout(0.5, name="inside")])
    with pytest.raises(UserError, match="inside stands within a layer or a nested"):
        meta.Trainer(network(dropout=nested), dropout="inner")
    shared = keras.layers.Dropout(0.5, noise_shape=(None, 1))
    with pytest.raises(UserError, match=r"noise_shape \(None, 1\)"):
        meta.Trainer(network(dropout=shared), dropout="inner")


def test_learned_rates_move_along_their_gradient_and_start_and_rates_together():
    model = network()
    start = np.concatenate([w.ravel() for w in model.get_weights()]).astype(float)
    support, query = episodes(tasks=1)
    inner = loss_and_gradient(start, support[0][0], support[1][0])[1]

    def of_rates(rates):
        return loss_and_gradient(start - rates * inner, query[0][0], query[1][0])[0]

    trainer = meta.Trainer(model, "meta_sgd", inner_rate=RATE)
    trainer.fit([(support, query)], steps=1)
    rates = np.concatenate([rate.ravel() for rate in trainer.rates.values()])
    expected = differences(of_rates, np.full(len(start), RATE))
    np.testing.assert_allclose(RATE - rates, expected, atol=1e-5)


def test_first_order_methods_use_gradients_and_ways_as_they_are():
    support, query = episodes()
    model = network()
    start = np.concatenate([w.ravel() for w in model.get_weights()]).astype(float)
    gradients, ways = [], []
    for x, y, xq, yq in zip(*support, *query, strict=True):
        moved = start - RATE * loss_and_gradient(start, x, y)[1]
        gradients.append(loss_and_gradient(moved, xq, yq)[1])
        both = np.concatenate([x, xq]), np.concatenate([y, yq])
        moved = start
        for _ in range(2):
            pull = 0.5 * (moved - start)
            moved = moved - RATE * (loss_and_gradient(moved, *both)[1] + pull)
        ways.append(start - moved)
    weights = model.get_weights()
    meta.Trainer(model, "fomaml", inner_rate=RATE).fit([(support, query)], 1)
    end = np.concatenate([w.ravel() for w in model.get_weights()])
    np.testing.assert_allclose(start - end, np.mean(gradients, 0), atol=1e-5)
    model.set_weights(weights)
    reptile = meta.Trainer(model, "reptile", RATE, inner_steps=2, anchor=0.5)
    reptile.fit([(support, query)], 1)
    end = np.concatenate([w.ravel() for w in model.get_weights()])
    np.testing.assert_allclose(start - end, np.mean(ways, 0), atol=1e-5)


def test_a_task_without_labels_in_the_episodes_stays_and_is_counted():
    model = network(keras.optimizers.Adam(0.1), tasks=("a", "b"))
    (x, y), (xq, yq) = episodes(tasks=3)
    only_one = yq.copy()
    only_one[:2] = np.nan
    missing = np.full_like(y, np.nan)
    support, query = (x, {"a": y, "b": missing}), (xq, {"a": only_one, "b": missing})
    before = [copied(v) for v in model.private_variables["b"]]
    shared = copied(model.shared_variables[0])
    history = meta.Trainer(model).fit([(support, query)] * 2, steps=2)
    assert history["a_episodes"] == [1.0, 1.0]
    assert history["b_episodes"] == [0.0, 0.0]
    assert history["loss"] == history["a_loss"]
    for variable, value in zip(model.private_variables["b"], before, strict=True):
        np.testing.assert_array_equal(copied(variable), value)
    assert not np.allclose(copied(model.shared_variables[0]), shared)


def test_where_no_task_has_a_label_nothing_moves_by_momentum_decay_or_penalty():
    options = {"penalty": keras.regularizers.L2(0.1), "weight_decay": 0.1}
    model = network(keras.optimizers.Adam(0.1), ("a", "b"), **options)
    (x, y), (xq, yq) = episodes()
    trainer = meta.Trainer(model, inner_rate=RATE)
    trainer.fit([((x, {"a": y, "b": y}), (xq, {"a": yq, "b": yq}))], steps=1)
    before = model.get_weights()
    none = {"a": np.full_like(y, np.nan), "b": np.full_like(y, np.nan)}
    history = trainer.fit([((x, none), (xq, none))], steps=1)
    assert history["a_episodes"] == history["b_episodes"] == history["skipped"] == [0]
    for value, after in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(after, value)


def test_evaluation_and_the_adapted_model_take_the_same_steps():
    model = network()
    support, query = episodes()
    trainer = meta.Trainer(model, inner_rate=RATE, inner_optimizer="adam")
    before = [w.copy() for w in model.get_weights()]
    learned = trainer.adapted(support[0][1], support[1][1], steps=3)
    outputs = keras.ops.convert_to_numpy(learned(query[0][1])["y"])
    error = np.mean((outputs - query[1][1]) ** 2)
    losses = trainer.evaluate(support, query, steps=3)
    assert losses["y"].shape == (2,)
    assert losses["y"][1] == pytest.approx(error, rel=1e-4)
    assert losses["y"][1] != trainer.evaluate(support, query, steps=0)["y"][1]
    for weight, value in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, value)


@pytest.mark.two_backends
def test_penalties_and_decay_of_the_model_act_on_the_start():
    penalty = keras.regularizers.L2(0.1)
    model = network(
        tasks=("a", "b"), penalty=penalty, penalties="gradient", weight_decay=0.1
    )
    kernel = model.shared_variables[0]
    before = copied(kernel)
    meta.Trainer(model).fit([known_by_heart(model)], 1)
    np.testing.assert_allclose(copied(kernel), 0.7 * before, rtol=1e-5)


def test_a_knob_that_was_turned_acts_in_the_next_step():
    decay = Knob(0.5, name="decay")
    model = network(tasks=("a", "b"), weight_decay=decay)
    batch = known_by_heart(model)
    trainer = meta.Trainer(model)
    before = copied(model.shared_variables[0])
    trainer.fit([batch], 1)
    halved = copied(model.shared_variables[0])
    np.testing.assert_allclose(halved, 0.5 * before, rtol=1e-5)
    decay.assign(0.0)
    trainer.fit([batch], 1)
    np.testing.assert_allclose(copied(model.shared_variables[0]), halved)


def test_a_step_without_a_finite_gradient_is_left_out_and_counted():
    model = network(keras.optimizers.Adam(0.1))
    support, query = episodes()
    broken = (np.full_like(support[0], np.inf), support[1])
    trainer = meta.Trainer(model)
    history = trainer.fit([(support, query), (broken, query)], 2)
    assert history["skipped"] == [0.0, 1.0]
    assert all(np.isfinite(weight).all() for weight in model.get_weights())
    with pytest.raises(UserError, match="None of 1 steps had a finite gradient"):
        trainer.fit([(broken, query)], 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "mamal"}, 'Did you mean "maml"'),
        ({"inner_rate": 0}, "inner_rate must be"),
        ({"inner_steps": 0}, "at least 1 for maml"),
        ({"method": "reptile"}, "One step would be joint training"),
        ({"inner_optimizer": "rmsprop"}, "one of sgd, adam"),
        ({"anchor": -1.0}, "anchor must be"),
        ({"dropout": "iner"}, 'Did you mean "inner"'),
    ],
)
def test_a_wrong_option_is_named(options, message):
    with pytest.raises(UserError, match=message):
        meta.Trainer(network(), **options)


def test_a_model_is_refused_that_the_trainer_would_not_do_justice_to():
    x = keras.Input((2,))
    model = MultiTaskModel(x, {"y": keras.layers.Dense(1)(x)})
    with pytest.raises(UserError, match="needs a compiled"):
        meta.Trainer(model)
    model.compile("sgd", loss="mse")
    with pytest.raises(UserError, match="no trainable weights in its trunk"):
        meta.Trainer(model, "boil")
    with pytest.raises(UserError, match="compiled with PCGrad"):
        meta.Trainer(network(tasks=("a", "b"), balancer="pcgrad"))
    for options, name in (
        ({"regularizers": training.SAM()}, "SAM"),
        ({"mixup": 0.2}, "Mixup"),
    ):
        model.compile("sgd", loss="mse", **options)
        with pytest.raises(UserError, match=f"in which {name} would not act"):
            meta.Trainer(model)
    active = keras.layers.Dense(1, activity_regularizer="l2", name="active")
    model = MultiTaskModel(x, {"y": active(x)})
    model.compile("sgd", loss="mse")
    with pytest.raises(UserError, match="activity_regularizer of active"):
        meta.Trainer(model)
    h = keras.layers.BatchNormalization(name="norm")(x)
    model = MultiTaskModel(x, {"y": keras.layers.Dense(1)(h)})
    model.compile("sgd", loss="mse")
    with pytest.raises(UserError, match="layer norm keeps statistics"):
        meta.Trainer(model)


def test_episodes_that_are_no_stacks_or_too_few_are_refused():
    (x, y), query = episodes()
    trainer = meta.Trainer(network())
    with pytest.raises(UserError, match=r"shapes \(2, 4, 1\), \(1, 4, 1\)"):
        trainer.fit([((x, y[:1]), query)], steps=1)
    with pytest.raises(UserError, match="ended after 0 of 3 steps"):
        trainer.fit([], steps=3)
