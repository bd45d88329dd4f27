import keras
import numpy as np
import pytest
from keras import layers, ops

from polytask import MultiTaskModel, UserError, merge

TASKS = ("a", "b", "c")


def network(norm=False):
    x = keras.Input((2,))
    h = layers.Dense(5, name="trunk")(x)
    h = layers.BatchNormalization(name="norm")(h) if norm else h
    pair = layers.Dense(2, name="pair")(h)
    reads = {"a": pair, "b": pair, "c": h}
    heads = {task: layers.Dense(1, name=f"head_{task}")(reads[task]) for task in TASKS}
    return MultiTaskModel(x, heads)


def moved(start, seed):
    """Return a network of the same build, some way off the start."""
    rng = np.random.default_rng(seed)
    other = keras.models.clone_model(start)
    other.set_weights(
        [w + rng.normal(size=w.shape).astype("float32") for w in start.get_weights()]
    )
    return other


@pytest.fixture
def start():
    return network()


@pytest.fixture
def networks(start):
    return {task: moved(start, seed) for seed, task in enumerate(TASKS)}


def kernel(model, name):
    return ops.convert_to_numpy(model.get_layer(name).kernel).astype("float64")


def changes(start, networks, name, tasks):
    return np.stack([kernel(networks[t], name) - kernel(start, name) for t in tasks])


@pytest.mark.parametrize(("name", "tasks"), [("trunk", "abc"), ("pair", "ab")])
def test_the_average_is_the_mean_over_the_tasks_that_share_a_weight(
    start, networks, name, tasks
):
    expected = np.mean([kernel(networks[task], name) for task in tasks], axis=0)
    found = kernel(merge(start, networks), name)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_each_head_comes_from_the_network_of_its_task(start, networks):
    merged = merge(start, networks, "task_arithmetic", scale=0.4)
    for task in TASKS:
        name = f"head_{task}"
        np.testing.assert_array_equal(
            kernel(merged, name), kernel(networks[task], name)
        )


def test_task_arithmetic_adds_the_scaled_changes(start, networks):
    merged = merge(start, networks, "task_arithmetic", scale=0.4)
    total = changes(start, networks, "trunk", TASKS).sum(axis=0)
    np.testing.assert_allclose(
        kernel(merged, "trunk"),
        kernel(start, "trunk") + 0.4 * total,
        rtol=1e-4,
        atol=1e-5,
    )


def test_ties_trims_elects_a_sign_and_takes_the_mean_of_those_who_agree(
    start, networks
):
    merged = merge(start, networks, "ties", keep=0.5)
    # Trimming is over all shared weights of a task together; biases are among them.
    trimmed = []
    for task in TASKS:
        names = ["trunk", "pair"] if task != "c" else ["trunk"]
        vectors = {
            (name, part): np.asarray(a, "float64") - np.asarray(b, "float64")
            for name in names
            for part, a, b in zip(
                ("kernel", "bias"),
                networks[task].get_layer(name).get_weights(),
                start.get_layer(name).get_weights(),
                strict=True,
            )
        }
        sizes = np.sort(np.abs(np.concatenate([v.ravel() for v in vectors.values()])))
        least = sizes[::-1][round(0.5 * len(sizes)) - 1]
        change = vectors["trunk", "kernel"]
        trimmed.append(np.where(np.abs(change) >= least, change, 0))
    expected = np.zeros(trimmed[0].shape)
    for index in np.ndindex(expected.shape):
        values = [t[index] for t in trimmed]
        agreeing = [v for v in values if v * sum(values) > 0]
        expected[index] = np.mean(agreeing) if agreeing else 0
    np.testing.assert_allclose(
        kernel(merged, "trunk") - kernel(start, "trunk"), expected, rtol=1e-4, atol=1e-5
    )


def test_networks_that_did_not_move_merge_to_the_start(start):
    networks = {task: keras.models.clone_model(start) for task in TASKS}
    for other in networks.values():
        other.set_weights(start.get_weights())
    for method in ("average", "task_arithmetic", "ties"):
        merged = merge(start, networks, method)
        for found, expected in zip(
            merged.get_weights(), start.get_weights(), strict=True
        ):
            np.testing.assert_array_equal(found, expected)
        assert not {id(v) for v in merged.variables} & {id(v) for v in start.variables}


def test_batch_statistics_are_computed_anew_or_averaged():
    start = network(norm=True)
    networks = {task: moved(start, seed) for seed, task in enumerate(TASKS)}
    rows = np.random.default_rng(5).normal(size=(40, 2)).astype("float32")
    merged = merge(start, networks, data=rows)
    norm = merged.get_layer("norm")
    reads = ops.convert_to_numpy(keras.Model(merged.input, norm.input)(rows))
    found = ops.convert_to_numpy(norm.moving_mean)
    np.testing.assert_allclose(found, reads.mean(0), rtol=1e-4, atol=1e-5)
    averaged = ops.convert_to_numpy(
        merge(start, networks).get_layer("norm").moving_mean
    )
    means = [n.get_layer("norm").moving_mean for n in networks.values()]
    expected = np.mean([ops.convert_to_numpy(m) for m in means], axis=0)
    np.testing.assert_allclose(averaged, expected, rtol=1e-5, atol=1e-6)


def test_wrong_arguments_are_refused(start, networks):
    with pytest.raises(UserError, match="method must be one of average"):
        merge(start, networks, "sum")
    with pytest.raises(UserError, match="keep must be"):
        merge(start, networks, "ties", keep=0.0)
    with pytest.raises(UserError, match='the unknown task "d"'):
        merge(start, {**networks, "d": start})
    with pytest.raises(UserError, match="no network for the tasks b, c"):
        merge(start, {"a": networks["a"]})
    with pytest.raises(UserError, match='network of "b" has other weights'):
        merge(start, {**networks, "b": network(norm=True)})
