"""CutMix and manifold mixup with several tasks, some of whose labels are missing."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from polytask import MultiTaskModel, UserError
from polytask.layers import CumulativeLogits, MixupPoint
from polytask.training import SAM, VAT, CutMix, ManifoldMixup, RDrop
from polytask.training.batch import Batch, Mixing
from polytask.training.heads_result import batch_losses
from tests.helpers.one_step import build, some_batch, step

rng = np.random.default_rng(0)
PICTURES = rng.normal(size=(6, 8, 10, 2)).astype("float32")
Y = {
    "kind": np.array([0, -1, 2, 1, -1, 0], "int32"),
    "map": np.where(rng.uniform(size=(6, 4, 5)) < 0.2, -1, 1).astype("int32"),
}


def array(tensor):
    return np.array(ops.convert_to_numpy(tensor))


def of_pictures(**options):
    keras.utils.set_random_seed(0)
    x = keras.Input((8, 10, 2))
    h = layers.Conv2D(3, 3, strides=2, padding="same", activation="tanh")(x)
    outputs = {
        "kind": layers.Dense(3, "softmax")(layers.GlobalAveragePooling2D()(h)),
        "map": layers.Dense(2)(h),
    }
    model = MultiTaskModel(x, outputs)
    sparse = keras.losses.SparseCategoricalCrossentropy
    losses = {"kind": sparse(), "map": sparse(from_logits=True)}
    model.compile("sgd", loss=losses, **options)
    return model


@pytest.mark.slow
def test_a_box_of_pictures_and_of_dense_labels_comes_from_another_row():
    cut = CutMix(2.0)
    model = of_pictures(mixup=cut)
    weight = {"map": np.arange(6.0), "kind": None}
    batch = cut.mix(Batch(PICTURES, Y, weight))
    share, order = float(batch.mixing.share), array(batch.mixing.order)
    x = array(batch.x)
    replaced = np.any(x != PICTURES, axis=(0, 3)) & (order != np.arange(6)).any()
    rows, columns = replaced.any(1), replaced.any(0)
    np.testing.assert_array_equal(replaced, np.outer(rows, columns))
    assert share == pytest.approx(1 - replaced.mean())
    np.testing.assert_array_equal(x[:, replaced], PICTURES[order][:, replaced])
    # At half the resolution a place is replaced if its middle is.
    labels = array(batch.y["map"])
    weights = array(batch.sample_weight["map"])
    assert weights.shape == (6, 4, 5)
    own, theirs = np.arange(6)[:, None, None], order[:, None, None]
    replaced = np.any(weights != own, axis=0)
    np.testing.assert_array_equal(weights, np.where(replaced, theirs, own))
    np.testing.assert_array_equal(labels, np.where(replaced, Y["map"][order], Y["map"]))
    # The losses of the picture's own label are mixed, those of the places are not.
    out = model(x)
    losses, _ = batch_losses(model.step_plan, out, batch, {})
    p, q = array(out["kind"]), array(ops.softmax(out["map"]))

    def entropy(labels):
        known = labels >= 0
        return -np.log(p[np.arange(6)[known], labels[known]]).mean()

    kind = Y["kind"]
    mixed = share * entropy(kind) + (1 - share) * entropy(kind[order])
    known = labels >= 0
    chosen = np.take_along_axis(q, np.maximum(labels, 0)[..., None], -1)[..., 0]
    np.testing.assert_allclose(
        array(losses), [mixed, -np.log(chosen[known]).mean()], rtol=1e-4
    )


@pytest.mark.slow
def test_training_on_cut_pictures_moves_the_network_and_is_saved(tmp_path):
    model = of_pictures(mixup=CutMix(0.5), regularizers=RDrop())
    logs = model.train_on_batch(PICTURES, Y, return_dict=True)
    assert np.isfinite(logs["loss"])
    model.save(tmp_path / "model.keras")
    found = keras.models.load_model(tmp_path / "model.keras").step_plan.mixup
    assert (type(found), found.alpha) == (CutMix, 0.5)


class Fixed(ManifoldMixup):
    """Draws what a test says."""

    def draw(self, rows):
        return Mixing(ops.convert_to_tensor(0.3), ops.convert_to_tensor(ORDER))


ORDER = np.roll(np.arange(16), 3).astype("int32")


def with_point(**options):
    keras.utils.set_random_seed(0)
    x = keras.Input((6,))
    h = layers.Dense(5, "tanh", name="trunk")(x)
    h = MixupPoint(name="point")(h)
    outputs = {t: layers.Dense(1, name=t)(h) for t in ("a", "b", "c")}
    return MultiTaskModel(x, outputs)


def test_hidden_states_are_mixed_as_their_losses_are():
    x, y = some_batch()
    y["a"][:4] = np.nan
    model = with_point()
    start = model.get_weights()
    h = np.tanh(x @ start[0] + start[1])
    hidden = 0.3 * h + 0.7 * h[ORDER]
    sam = SAM(1e-6)
    _, moved = step((x, y), model=model, mixup=Fixed(inputs=False), regularizers=sam)
    head, offset = start[2], start[3]
    expected = 0
    for share, labels in ((0.3, y["a"]), (0.7, y["a"][ORDER])):
        there = ~np.isnan(labels)
        error = np.where(
            there, (hidden @ head + offset)[:, 0] - np.nan_to_num(labels), 0
        )
        expected += share * 2 * hidden.T @ error / there.sum()
    np.testing.assert_allclose(moved["a/kernel"][:, 0], expected, rtol=1e-3, atol=1e-4)
    # Nothing stays behind: at inference and elsewhere the point is the identity.
    for training in (False, True):
        found = array(model.get_layer("point")(h, training=training))
        np.testing.assert_array_equal(found, h)


@pytest.mark.slow
def test_the_place_is_drawn_anew_and_inputs_are_one_of_them():
    x, y = some_batch()
    mixing = ManifoldMixup()
    model = with_point()
    model.compile("sgd", loss="mse", mixup=mixing, balancer="pcgrad")
    places, changed = set(), set()
    for _ in range(12):
        batch = mixing.mix(Batch(x, y, {}))
        place = int(batch.mixing.place)
        places.add(place)
        changed.add((place, not np.allclose(array(batch.x), x)))
    assert places == {0, 1}
    assert changed == {(0, False), (1, True)}
    assert np.isfinite(model.train_on_batch(x, y, return_dict=True)["loss"])


def of_grades():
    x = keras.Input((6,))
    h = MixupPoint()(layers.Dense(3)(x))
    outputs = {
        "grade": CumulativeLogits(4)(layers.Dense(1)(h)),
        "a": layers.Dense(1)(h),
    }
    return MultiTaskModel(x, outputs)


def in_a_tower():
    x = keras.Input((6,))
    h = layers.Dense(3)(x)
    a = MixupPoint(name="own")(layers.Dense(3)(h))
    return MultiTaskModel(x, {"a": layers.Dense(1)(a), "b": layers.Dense(1)(h)})


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (build, {"mixup": CutMix()}, r"CutMix cuts one input of pictures.*\(None, 6\)"),
        (build, {"mixup": ManifoldMixup()}, "MixupPoint; the model has none"),
        (
            in_a_tower,
            {"mixup": ManifoldMixup()},
            '"own" must be upstream of every task',
        ),
        (of_grades, {"mixup": 0.2}, 'classes of "grade" are ordered'),
        (of_grades, {"mixup": "cutmix"}, "mixup must be a finite number"),
        (
            with_point,
            {"mixup": ManifoldMixup(), "regularizers": VAT()},
            "VAT asks the network about rows as they are",
        ),
    ],
)
def test_what_cannot_be_mixed_is_refused(model, options, message):
    with pytest.raises(UserError, match=message):
        model().compile("sgd", loss="mse", **options)
