"""Task structures in a network: an exact step on the stack of the heads' kernels."""

import keras
import numpy as np
import pytest
from sklearn.linear_model import MultiTaskLasso

from polytask import MultiTaskModel, UserError, regularizers
from polytask.linear import MultiTaskRegressor
from tests.helpers.many_steps import take_steps

TASKS = ("a", "b", "c")


@pytest.fixture
def regression():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 12)).astype("float32")
    weights = np.zeros((12, 3))
    weights[:4] = rng.normal(size=(4, 3))
    y = x @ weights + 0.1 * rng.normal(size=(60, 3))
    return x, {t: y[:, i].astype("float32") for i, t in enumerate(TASKS)}


def linear(widths=(1, 1, 1), **compile_options):
    x = keras.Input((12,))
    heads = {
        t: keras.layers.Dense(w, use_bias=False, kernel_initializer="zeros", name=t)(x)
        for t, w in zip(TASKS, widths, strict=True)
    }
    model = MultiTaskModel(x, heads)
    model.compile(loss="mse", **compile_options)
    return model


def kernels(model):
    return np.concatenate([model.get_layer(t).get_weights()[0] for t in TASKS], axis=1)


def test_l21_reaches_the_multi_task_lasso_with_the_same_zero_rows(regression):
    x, y = regression
    alpha = 0.15
    oracle = MultiTaskLasso(alpha, fit_intercept=False, tol=1e-12, max_iter=100_000)
    targets = np.stack(list(y.values()), axis=1).astype("float64")
    oracle.fit(x.astype("float64"), targets)
    structure = regularizers.L21(2 * alpha)
    model = linear(optimizer=keras.optimizers.SGD(0.1), task_structure=structure)
    take_steps(model, x, y, 400)
    found = kernels(model)
    np.testing.assert_allclose(found, oracle.coef_.T, atol=1e-4)
    np.testing.assert_array_equal(
        np.all(found == 0, axis=1), np.all(oracle.coef_.T == 0, axis=1)
    )


def test_a_strong_mean_regularization_pulls_the_heads_together(regression):
    x, y = regression
    structure = regularizers.MeanRegularized(1e4)
    model = linear(optimizer=keras.optimizers.SGD(0.05), task_structure=structure)
    take_steps(model, x, y, 50)
    found = kernels(model)
    assert np.ptp(found, axis=1).max() < 1e-2 * np.abs(found).max()


def trace_norm_solution(x, y, strength):
    """Return the minimizer by proximal gradient in float64."""
    targets = np.stack(list(y.values()), axis=1).astype("float64")
    rate = len(x) / 2 / np.linalg.norm(x, 2) ** 2
    weights = np.zeros((12, 3))
    for _ in range(2000):
        step = weights - rate * 2 / len(x) * x.T @ (x @ weights - targets)
        u, s, v = np.linalg.svd(step, full_matrices=False)
        weights = u * np.maximum(s - rate * strength, 0) @ v
    return weights


def test_the_trace_norm_is_exact_in_the_metric_of_adam(regression):
    x, y = regression
    schedule = keras.optimizers.schedules.CosineDecay(0.05, 300)
    model = linear(
        optimizer=keras.optimizers.Adam(schedule),
        task_structure=regularizers.TraceNorm(0.5),
    )
    take_steps(model, x, y, 300)
    np.testing.assert_allclose(
        kernels(model), trace_norm_solution(x, y, 0.5), atol=1e-4
    )


def test_the_value_of_a_structure_is_part_of_the_reported_loss(regression):
    x, y = regression
    structure = regularizers.L21(0.5)
    model = linear(optimizer="sgd", task_structure=structure)
    rng = np.random.default_rng(1)
    for task in TASKS:
        model.get_layer(task).set_weights([rng.normal(size=(12, 1))])
    logs = model.evaluate(x, y, verbose=0, return_dict=True)
    value = 0.5 * np.linalg.norm(kernels(model), axis=1).sum()
    errors = sum(logs[f"{t}_loss"] for t in TASKS)
    assert logs["loss"] == pytest.approx(errors + value, rel=1e-5)


def test_heads_of_unequal_width_are_refused_where_equal_ones_are_needed():
    with pytest.raises(UserError, match="needs heads of equal width"):
        linear((1, 2, 1), optimizer="sgd", task_structure="mean_regularized")


@pytest.mark.parametrize("by_path", [True, False])
def test_one_kernel_needs_no_list(by_path, tmp_path):
    model = linear(optimizer="sgd")
    kernel = model.get_layer("b").kernel
    pair = (regularizers.L21(0.3), kernel.path if by_path else kernel)
    model.compile("sgd", loss="mse", task_structure=[pair])
    [(_, stack)] = model.task_structures
    assert stack.shape == (12, 1)
    model.save(tmp_path / "model.keras")
    [(_, stack)] = keras.models.load_model(tmp_path / "model.keras").task_structures
    assert stack.shape == (12, 1)


def test_a_structure_is_saved_with_the_model(regression, tmp_path):
    x, y = regression
    model = linear(optimizer="sgd", task_structure=regularizers.L21(0.3))
    model.fit(x, y, epochs=1, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for m in (model, loaded):
        m.fit(x, y, epochs=2, shuffle=False, verbose=0)
    np.testing.assert_array_equal(kernels(model), kernels(loaded))


@pytest.mark.slow
@pytest.mark.two_backends
@pytest.mark.parametrize(
    ("structure", "linear_name"),
    [
        (regularizers.Clustered(2, 0.4), "clustered"),
        (regularizers.MeanRegularized(0.8), "mean_regularized"),
    ],
)
def test_a_smooth_structure_without_a_proximal_step_acts_by_its_gradient(
    regression, structure, linear_name
):
    x, y = regression
    oracle = MultiTaskRegressor(
        structure.rescaled(0.5), fit_intercept=False, tol=1e-10
    ).fit(x, np.stack(list(y.values()), axis=1))
    model = linear(
        optimizer=keras.optimizers.SGD(0.05),
        task_structure=structure,
        penalties="gradient",
    )
    take_steps(model, x, y, 500)
    np.testing.assert_allclose(kernels(model), oracle.coef_.T, atol=1e-4)


@pytest.mark.slow
@pytest.mark.two_backends
def test_a_graph_without_a_closed_form_pulls_its_tasks_together(regression):
    x, y = regression
    spread = []
    for strength in (0.0, 0.5, 5.0):
        structure = regularizers.NetworkLasso(strength, edges="complete")
        model = linear(
            optimizer=keras.optimizers.SGD(
                keras.optimizers.schedules.CosineDecay(0.02, 300)
            ),
            task_structure=structure,
        )
        take_steps(model, x, y, 300)
        found = kernels(model)
        spread.append(float(np.sum((found - found.mean(1, keepdims=True)) ** 2)))
    assert spread[0] > 1.2 * spread[1] > 20 * spread[2]


def test_the_stack_of_a_structure_can_be_read():
    structure = regularizers.TaskRelationship(0.1)
    model = linear(optimizer="sgd", task_structure=structure)
    for task, sign in zip(TASKS, (1.0, 1.0, -1.0), strict=True):
        model.get_layer(task).set_weights([np.full((12, 1), sign, "float32")])
    [(found, stack)] = model.task_structures
    assert found is structure
    np.testing.assert_allclose(
        found.correlation(stack), [[1, 1, -1], [1, 1, -1], [-1, -1, 1]], atol=1e-5
    )


def test_both_parts_of_a_dirty_model_can_be_read(regression):
    x, y = regression
    structure = regularizers.Dirty(0.3, private=0.2)
    model = linear(optimizer=keras.optimizers.SGD(0.1), task_structure=structure)
    take_steps(model, x, y, 100)
    [(found, stack)] = model.task_structures
    shared, private = (np.asarray(part) for part in found.split(stack))
    np.testing.assert_allclose(shared + private, kernels(model), atol=1e-6)
    assert np.any(shared)
    assert np.any(private)


def test_heads_whose_kernels_have_one_path_take_a_structure():
    def head(features):
        inner = keras.Input((4,))
        layer = keras.layers.Dense(1, name="out")
        return keras.Model(inner, layer(inner))(features)

    x = keras.Input((3,))
    h = keras.layers.Dense(4)(x)
    model = MultiTaskModel(x, {"a": head(h), "b": head(h)})
    assert len({v.path for v in model.trainable_variables}) == 4
    model.compile(
        "sgd", loss=dict.fromkeys("ab", "mse"), task_structure=regularizers.L21(1e3)
    )
    rows = np.ones((4, 3), "float32")
    model.fit(rows, dict.fromkeys("ab", rows[:, :1]), verbose=0)
    kernels = [v for v in model.trainable_variables if v.path == "out/kernel"]
    assert len(kernels) == 2
    assert not np.any([keras.ops.convert_to_numpy(v) for v in kernels])
