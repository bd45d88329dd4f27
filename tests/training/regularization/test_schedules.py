"""Pruning by magnitude and self-paced learning, against their formulas."""

import keras
import numpy as np
import pytest
from keras import ops
from keras.layers import Masking

import polytask
from polytask import UserError
from polytask.training import SAM, MagnitudePruning, PseudoLabels, SelfPaced
from polytask.training.regularization.self_paced import easiest
from tests.helpers.one_step import build, some_batch, step


def array(tensor):
    return np.array(ops.convert_to_numpy(tensor))


@pytest.mark.two_backends
def test_the_share_of_zeros_rises_by_the_cubic_schedule_and_zeros_stay():
    pruning = MagnitudePruning(0.8, begin=1, end=5, every=2)
    model = build()
    optimizer = keras.optimizers.SGD(0.1, momentum=0.9)
    model.compile(optimizer, loss="mse", regularizers=[pruning, SAM(0.1)])
    x, y = some_batch()
    zeros, before = [], None
    for update in range(1, 8):
        model.train_on_batch(x, y)
        kernel = array(model.get_layer("trunk").kernel)
        zeros.append(int((kernel == 0).sum()))
        if before is not None:
            assert np.all(kernel[before == 0] == 0)
        before = kernel
        if update == 1:
            assert float(pruning.share(update)) == 0
    # At updates 1, 3 and 5: 0, 0.8 (1 - ½³) and 0.8 of 30 weights.
    assert zeros == [0, 0, 21, 21, 24, 24, 24]
    assert np.all(array(model.get_layer("a").bias) != 0)
    assert polytask.compact(model).count_params() <= model.count_params()


def test_the_smallest_weights_of_each_kernel_go():
    model, _ = step(some_batch())
    kernels = {t: array(model.get_layer(t).kernel) for t in ("trunk", "a")}
    pruned, _ = step(some_batch(), regularizers=MagnitudePruning(0.4, end=1, every=1))
    for name, kernel in kernels.items():
        found = array(pruned.get_layer(name).kernel)
        bound = np.sort(np.abs(kernel).ravel())[round(0.4 * kernel.size)]
        expected = np.where(np.abs(kernel) < bound, 0, kernel)
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_the_easiest_of_the_rows_that_count_are_chosen():
    losses = ops.convert_to_tensor([4.0, 1.0, 3.0, 2.0, 0.0])
    weights = ops.convert_to_tensor([1.0, 0.5, 1.0, 1.0, 0.0])
    found = array(easiest(losses, weights, 0.6))
    np.testing.assert_array_equal(found, [0, 1, 1, 1, 0])


def test_hard_rows_are_left_out_at_first_and_come_back():
    x, y = some_batch()
    y["a"][:4] = np.nan
    paced = SelfPaced(0.25, steps=3)
    outputs = build()(x)
    weights = {}
    for task in "abc":
        error = (array(outputs[task])[:, 0] - y[task]) ** 2
        order = np.argsort(np.nan_to_num(error, nan=np.inf))
        weights[task] = np.zeros(16, "float32")
        number = int(np.ceil(0.25 * (~np.isnan(error)).sum()))
        weights[task][order[:number]] = 1.0
    _, expected = step((x, y, weights))
    _, found = step((x, y), regularizers=paced)
    for path, gradient in expected.items():
        np.testing.assert_allclose(found[path], gradient, rtol=1e-3, atol=1e-5)
    shares = [float(paced.share(n)) for n in (0, 1, 3, 9)]
    np.testing.assert_allclose(shares, [0.25, 0.5, 1.0, 1.0], rtol=1e-6)


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (lambda: MagnitudePruning(1.0), {}, "sparsity must be"),
        (lambda: MagnitudePruning(0.5, begin=9, end=9), {}, "end must be an integer"),
        (lambda: SelfPaced(0), {}, "start must be"),
        (lambda: SelfPaced(), {"mixup": 0.2}, "Mixup mixes rows in pairs"),
        (
            lambda: MagnitudePruning(0.5),
            {"optimizer": keras.optimizers.SGD(use_ema=True)},
            "averages of use_ema=True are not zero",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(make, options, message):
    with pytest.raises(UserError, match=message):
        build().compile(**{"loss": "mse", "regularizers": make(), **options})


def test_masks_of_another_model_are_refused():
    pruning = MagnitudePruning(0.5, end=1, every=1)
    first, second = build(), build()
    for model in (first, second):
        model.compile("sgd", loss="mse", regularizers=pruning)
    with pytest.raises(UserError, match="MagnitudePruning was given to compile of an"):
        first.train_on_batch(*some_batch())
    second.train_on_batch(*some_batch())


def test_masks_travel_with_a_file(tmp_path):
    pruning = MagnitudePruning(0.5, end=1, every=1)
    model, _ = step(some_batch(), regularizers=pruning)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for mine, other in zip(
        pruning.variables, loaded.step_plan.regularizers[0].variables, strict=True
    ):
        np.testing.assert_array_equal(array(mine), array(other))


def test_a_row_that_gives_no_number_leaves_the_step_out():
    x = keras.Input((6,))
    output = keras.layers.Dense(1, "sigmoid")(x)
    model = polytask.MultiTaskModel(x, {"sick": output})
    model.compile("sgd", loss="binary_crossentropy", regularizers=SelfPaced())
    rows, _ = some_batch()
    rows[3] = np.nan
    before = array(model.trainable_variables[0])
    model.train_on_batch(rows, np.arange(16) % 2)
    np.testing.assert_array_equal(array(model.trainable_variables[0]), before)
    assert float(model.optimizer.skipped[0]) == 1


@pytest.mark.parametrize("make", [lambda: PseudoLabels(threshold=0.01), SelfPaced])
def test_padding_is_neither_unlabeled_nor_easy(make):
    rows = np.random.default_rng(0).normal(size=(8, 4, 3)).astype("float32")
    rows[:, 2:] = 0.0
    codes = (rows[..., 0] > 0).astype("int32")
    codes[:, 2:] = [-1, 1]
    steps = []
    for x, y in ((rows, codes), (rows[:, :2], codes[:, :2])):
        keras.utils.set_random_seed(0)
        inputs = keras.Input((None, 3))
        head = keras.layers.Dense(2, "softmax")
        model = polytask.MultiTaskModel(inputs, {"k": head(Masking()(inputs))})
        loss = "sparse_categorical_crossentropy"
        model.compile(keras.optimizers.SGD(1.0), loss=loss, regularizers=make())
        model.train_on_batch(x, y)
        steps.append(array(head.bias))
    np.testing.assert_allclose(*steps, rtol=1e-5)
