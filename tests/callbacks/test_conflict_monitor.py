"""The monitor's numbers are those of gradients taken by hand."""

import io
import struct
import sys

import keras
import numpy as np
import pytest

from polytask import MultiTaskModel, UserError
from polytask.callbacks import ConflictMonitor
from polytask.callbacks.tensorboard import AGREEMENT, CONFLICT, UNKNOWN, heat_map

TASKS = ("a", "b", "c")


def linear_model(balancer="equal", tasks=TASKS, rate=0.0):
    """Return a linear trunk with linear heads, whose gradients are short to write."""
    keras.utils.set_random_seed(1)
    x = keras.Input((4,))
    h = keras.layers.Dense(3, use_bias=False, name="trunk")(x)
    heads = {t: keras.layers.Dense(1, use_bias=False, name=t)(h) for t in tasks}
    model = MultiTaskModel(x, heads)
    model.compile(keras.optimizers.SGD(rate), loss="mse", balancer=balancer)
    return model


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(32, 4)).astype("float32")
    y = {t: rng.normal(size=32).astype("float32") for t in TASKS}
    return x, y


def gradients_by_hand(model, x, y):
    """Return the tasks' (T, 12) gradients of the trunk on a batch."""
    trunk = model.get_layer("trunk").kernel.numpy()
    rows = []
    for task in TASKS:
        head = model.get_layer(task).kernel.numpy()
        error = (x @ trunk @ head)[:, 0] - y[task]
        rows.append((2 / len(x) * x.T @ np.outer(error, head[:, 0])).ravel())
    return np.array(rows)


@pytest.mark.parametrize("balancer", ["equal", "dwa", "mgda", "graddrop"])
def test_norms_and_cosines_are_those_of_gradients_by_hand(data, balancer):
    x, y = data
    model = linear_model(balancer)
    monitor = ConflictMonitor(every=1)
    history = model.fit(
        x, y, batch_size=16, shuffle=False, verbose=0, callbacks=[monitor]
    ).history
    norms, cosines = [], []
    for half in (slice(0, 16), slice(16, 32)):
        rows = gradients_by_hand(model, x[half], {t: y[t][half] for t in TASKS})
        norm = np.linalg.norm(rows, axis=1)
        norms.append(norm)
        cosines.append(rows @ rows.T / np.outer(norm, norm))
    (summary,) = monitor.summaries
    np.testing.assert_allclose(summary.norms, np.mean(norms, axis=0), rtol=1e-4)
    np.testing.assert_allclose(summary.cosines, np.mean(cosines, axis=0), atol=1e-4)
    upper = np.array(cosines)[:, *np.triu_indices(3, 1)]
    assert history["conflict"] == [pytest.approx((upper < 0).mean())]
    assert history["a_vs_c_cosine"] == [pytest.approx(summary.cosines[0, 2])]
    assert history["b_gradient_norm"] == [pytest.approx(summary.norms[1])]
    assert len(history["a_weight"]) == 1


@pytest.mark.two_backends
def test_only_every_so_many_steps_pull_each_task_back(data):
    model = linear_model("equal")
    model.fit(*data, batch_size=4, verbose=0, callbacks=[ConflictMonitor(every=3)])
    steps = keras.ops.convert_to_numpy(model.step_plan.optimizer.norm_sums)[1]
    np.testing.assert_array_equal(steps, 3)  # the steps 0, 3 and 6 of eight
    taken = keras.ops.convert_to_numpy(model.step_plan.optimizer.weight_sums)[-1]
    assert taken == 8


@pytest.mark.two_backends
def test_watching_does_not_change_the_training(data):
    watched, alone = linear_model(rate=0.1), linear_model(rate=0.1)
    for model, callbacks in ((watched, [ConflictMonitor(every=2)]), (alone, [])):
        model.fit(
            *data,
            batch_size=8,
            epochs=2,
            shuffle=False,
            verbose=0,
            callbacks=callbacks,
        )
    for one, other in zip(watched.weights, alone.weights, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-5, atol=1e-6)


def test_a_pair_that_never_meets_is_unknown(data):
    x, y = data
    nothing = np.full(16, np.nan, "float32")
    y = y | {
        "b": np.concatenate([y["b"][:16], nothing]),
        "c": np.concatenate([nothing, y["c"][16:]]),
    }
    monitor = ConflictMonitor()
    model = linear_model("mgda")
    history = model.fit(
        x, y, batch_size=16, shuffle=False, verbose=0, callbacks=[monitor]
    ).history
    assert np.isnan(history["b_vs_c_cosine"][0])
    assert np.isfinite(history["a_vs_b_cosine"][0])
    assert np.isfinite(history["c_gradient_norm"][0])


def test_two_halves_of_a_batch_have_no_conflict_to_report(data):
    history = linear_model("modo").fit(*data, verbose=0).history
    assert "a_weight" in history
    assert "conflict" not in history


def test_a_failing_step_leaves_the_train_function_as_it_was(data):
    class Failing(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise ValueError("enough")

    model = linear_model()
    with pytest.raises(ValueError, match="enough"):
        model.fit(*data, verbose=0, callbacks=[ConflictMonitor(every=1), Failing()])
    assert "train_step" not in vars(model)
    assert not model.step_plan.records_gradients
    before = model.train_function
    model.fit(*data, verbose=0)
    assert model.train_function is before


def events_of(folder):
    """Return the tags of all events in a folder's files, with the first image."""
    from tensorboardX.proto import event_pb2

    tags, image = [], b""
    for file in folder.rglob("events.out.tfevents.*"):
        content = file.read_bytes()
        while content:
            # The length, its checksum, the event, its checksum.
            (length,) = struct.unpack("<Q", content[:8])
            event = event_pb2.Event.FromString(content[12 : 12 + length])
            content = content[16 + length :]
            for value in event.summary.value:
                tags.append((value.tag, event.step))
                image = image or value.image.encoded_image_string
    return tags, image


def test_tensorboard_reads_curves_and_the_matrix(data, tmp_path):
    pytest.importorskip("tensorboardX")
    pictures = pytest.importorskip("PIL.Image")
    monitor = ConflictMonitor(log_dir=tmp_path)
    model = linear_model("mgda")
    model.fit(*data, epochs=2, verbose=0, callbacks=[monitor])
    tags, image = events_of(tmp_path / "train")
    for tag in ("conflict", "a_vs_b_cosine", "c_gradient_norm", "b_weight", "cosines"):
        assert [step for t, step in tags if t == f"gradients/{tag}"] == [0, 1]
    pixels = np.asarray(pictures.open(io.BytesIO(image)))
    np.testing.assert_array_equal(pixels, heat_map(monitor.summaries[0].cosines))


@pytest.mark.parametrize("package", ["tensorboardX", "PIL.Image"])
def test_a_missing_package_for_tensorboard_is_named(monkeypatch, tmp_path, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UserError, match=r"pip install 'polytask\[tensorboard\]'"):
        ConflictMonitor(log_dir=tmp_path)


def test_heat_map_has_one_cell_for_each_pair():
    cosines = np.array([[1.0, -0.5], [np.nan, 0.0]])
    pixels = heat_map(cosines, side=8)
    assert pixels.shape == (8, 8, 3)
    np.testing.assert_array_equal(pixels[0, 0], AGREEMENT)
    np.testing.assert_allclose(pixels[0, 4], (255 + np.array(CONFLICT)) / 2, atol=0.5)
    np.testing.assert_array_equal(pixels[4, 3], UNKNOWN)
    np.testing.assert_array_equal(pixels[7, 7], 255)


@pytest.mark.two_backends
@pytest.mark.skipif(
    keras.backend.backend() == "torch", reason="Keras forbids it on PyTorch"
)
def test_steps_that_run_as_one_are_counted_as_they_are(data):
    x, y = data
    model = linear_model()
    model.compile("sgd", loss="mse", steps_per_execution=2)
    monitor = ConflictMonitor(every=4)
    model.fit(x, y, batch_size=4, verbose=0, callbacks=[monitor])
    # Two of four executions, of two steps each.
    seen = keras.ops.convert_to_numpy(model.step_plan.optimizer.norm_sums)[1]
    np.testing.assert_array_equal(seen, 4)


@pytest.mark.parametrize("every", [0, -1, 2.5, True, "5"])
def test_every_is_a_number_of_steps(every):
    with pytest.raises(UserError, match="every must be a whole number"):
        ConflictMonitor(every=every)


def test_a_plain_keras_model_is_refused(data):
    x, y = data
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile("sgd", loss="mse")
    with pytest.raises(UserError, match="found Sequential"):
        model.fit(x, y["a"], verbose=0, callbacks=[ConflictMonitor()])


def test_one_task_alone_has_no_conflict_to_watch(data):
    x, y = data
    model = linear_model(tasks=("a",))
    with pytest.raises(UserError, match=r"two of the tasks \['a'\]"):
        model.fit(x, {"a": y["a"]}, verbose=0, callbacks=[ConflictMonitor()])
