"""AdaShare and learning to branch against their formulas, and in a model."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from polytask import MultiTaskModel, UserError
from polytask.layers import AdaShare, Branching, ChooseParent, RowsOfTasks, TaskSkip
from polytask.layers._gumbel import gumbel_softmax
from polytask.layers.task_skip import ChosenLayers
from polytask.testing import LayerContract

rng = np.random.default_rng(0)
ROWS = rng.normal(size=(8, 4)).astype("float32")
OTHER = rng.normal(size=(8, 4)).astype("float32")


def array(tensor):
    return ops.convert_to_numpy(tensor)


class TestChooseParent(LayerContract):
    def make(self):
        return ChooseParent(0.5, seed=1)

    def arguments(self):
        return [ROWS, OTHER]

    def model(self):
        inputs = [keras.Input((4,)), keras.Input((4,))]
        return keras.Model(inputs, self.make()(inputs))


class TestTaskSkip(TestChooseParent):
    # The rows of the two tasks stand one after the other.
    rows_are_independent = False

    def make(self):
        return TaskSkip(2, 0.1, 0.1, seed=1)


def test_a_soft_choice_is_that_of_its_probabilities():
    logits = np.log(np.array([0.6, 0.3, 0.1], "float32"))
    seed = keras.random.SeedGenerator(0)
    many = ops.broadcast_to(ops.convert_to_tensor(logits), (20_000, 3))
    drawn = array(gumbel_softmax(many, 0.5, seed))
    np.testing.assert_allclose(drawn.sum(-1), 1.0, rtol=1e-5)
    shares = np.bincount(drawn.argmax(-1), minlength=3) / len(drawn)
    np.testing.assert_allclose(shares, [0.6, 0.3, 0.1], atol=0.015)
    sharp = array(gumbel_softmax(many, 1e-3, seed))
    assert np.mean(sharp.max(-1)) > 0.99


def test_a_task_runs_through_a_layer_or_skips_it():
    skip = TaskSkip(2, seed=0)
    skip.build([(None, 4)] * 2)
    skip.logits.assign([2.0, -1.0])
    np.testing.assert_array_equal(skip.chosen(), [True, False])
    found = array(skip([ROWS, OTHER]))
    np.testing.assert_array_equal(found, np.concatenate([OTHER[:4], ROWS[4:]]))
    soft = array(skip([ROWS, OTHER], training=True))
    shares = (soft - ROWS) / (OTHER - ROWS)
    for task in (slice(4), slice(4, 8)):
        assert np.ptp(shares[task]) < 1e-3
        assert 0 < shares[task].mean() < 1


def test_the_penalty_on_choices_is_its_formula():
    logits = np.array([1.5, -0.3, 0.2])
    a = 1 / (1 + np.exp(-logits))
    apart = abs(a[0] - a[1]) + abs(a[0] - a[2]) + abs(a[1] - a[2])
    expected = 0.4 * -np.log(1 - a).sum() + 0.7 * apart
    found = ChosenLayers(0.4, 0.7)(ops.convert_to_tensor(logits, "float32"))
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_every_task_has_its_own_way_through_one_trunk():
    shared = AdaShare(["a", "b"], units=(5, 5, 5), activation="tanh", sharing=0.3)
    x = keras.Input((4,))
    model = keras.Model(x, shared(x))
    assert [skip.sharing for skip in shared.skips] == pytest.approx([0.3, 0.2, 0.1])
    shared.skips[1].logits.assign([1.0, -1.0])
    shared.skips[2].logits.assign([-1.0, 1.0])
    h = [ROWS]
    kernels = [block.layers[0].get_weights() for block in shared.levels]
    first, second, third = (lambda x, k=k: np.tanh(x @ k[0] + k[1]) for k in kernels)
    h = first(ROWS)
    found = model(ROWS)
    np.testing.assert_allclose(array(found["a"]), second(h), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(array(found["b"]), third(h), rtol=1e-4, atol=1e-5)


def test_each_layer_and_task_reads_the_parent_that_it_chose():
    tree = Branching(["a", "b"], units=(5, 3), activation="tanh", branches=3)
    x = keras.Input((4,))
    model = keras.Model(x, tree(x))
    for node, parent in zip(tree.parents[0], (2, 0, 0), strict=True):
        node.logits.assign(np.eye(3)[parent])
    tree.leaves["a"].logits.assign([0, 1, 0])
    tree.leaves["b"].logits.assign([1, 0, 0])
    assert tree.leaves["a"].chosen() == 1

    def branch(number, level, x):
        kernel, bias = tree.branches[number][level].layers[0].get_weights()
        return np.tanh(x @ kernel + bias)

    found = model(ROWS)
    a = branch(1, 1, branch(0, 0, ROWS))
    b = branch(0, 1, branch(2, 0, ROWS))
    np.testing.assert_allclose(array(found["a"]), a, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(array(found["b"]), b, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.two_backends
@pytest.mark.parametrize("architecture", [AdaShare, Branching])
def test_choices_are_learned_beside_missing_labels_and_saved(architecture, tmp_path):
    keras.utils.set_random_seed(0)
    x = keras.Input((4,))
    features = architecture(["a", "b"], units=(5, 5), name="sharing")(x)
    outputs = {t: layers.Dense(1)(h) for t, h in features.items()}
    model = MultiTaskModel(x, outputs)
    model.compile("adam", loss="mse", balancer="pcgrad")
    choices = [v for v in model.trainable_variables if v.path.endswith("logits")]
    before = [array(v).copy() for v in choices]
    y = {"a": ROWS[:, 0], "b": np.where(np.arange(8) < 3, np.nan, ROWS[:, 1])}
    model.fit(ROWS, y, batch_size=8, epochs=2, verbose=0)
    assert len(choices) == {AdaShare: 1, Branching: 4}[architecture]
    for old, variable in zip(before, choices, strict=True):
        assert np.all(np.isfinite(array(variable)))
        assert not np.array_equal(old, array(variable))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    found, expected = (m.predict(ROWS, verbose=0) for m in (loaded, model))
    np.testing.assert_array_equal(found["b"], expected["b"])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: AdaShare("ab", units=(3, 2))(keras.Input((4,))), "no layer does"),
        (lambda: AdaShare("ab", sparsity=-1), "sparsity must be a finite number"),
        (lambda: AdaShare("ab", temperature=0), "temperature must be"),
        (lambda: Branching("ab", branches=0), "branches must be an integer"),
        (lambda: TaskSkip(2, keep_rate=0.4), "keep_rate must be"),
        (lambda: TaskSkip(2)([ROWS, ROWS[:, :2]]), "keeps the shape"),
        (lambda: RowsOfTasks(2, 2), "task must be below 2"),
    ],
)
def test_what_cannot_be_learned_is_refused(make, message):
    with pytest.raises(UserError, match=message):
        make()
