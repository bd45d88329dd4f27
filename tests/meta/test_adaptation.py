"""A new task for a trained model."""

import keras
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from polytask import MultiTaskModel, UserError, meta
from polytask.meta.linear_head import KINDS, LinearHead, fit_linear_head

ROWS = np.random.default_rng(3).normal(size=(24, 3)).astype("float32")
LEVEL = np.tanh(ROWS @ [1.0, -1.0, 0.5]).astype("float32")
SICK = (LEVEL > 0).astype("float32")


def network(tasks=("b", "a")):
    x = keras.Input((3,))
    h = keras.layers.Dense(4, activation="tanh", name="trunk")(x)
    return MultiTaskModel(x, {t: keras.layers.Dense(1, name=t)(h) for t in tasks})


def outputs(model, x=ROWS):
    found = model(keras.ops.convert_to_tensor(x), training=False)
    return {task: keras.ops.convert_to_numpy(y) for task, y in found.items()}


def features(model):
    trunk = keras.Model(model.input, model.get_layer("trunk").output)
    return keras.ops.convert_to_numpy(trunk(keras.ops.convert_to_tensor(ROWS)))


def test_the_linear_head_is_the_ridge_regression_on_the_features():
    model = network()
    found = meta.compare_adaptations(model, "new", (ROWS, LEVEL), method="linear")
    chosen = found.chosen
    h = features(model)
    if chosen.anchor == "zero":
        oracle = Ridge(alpha=chosen.strength * len(h)).fit(h, LEVEL).predict(h)
    else:
        kernel, bias = (
            np.mean(parts, axis=0)
            for parts in zip(
                *(model.get_layer(t).get_weights() for t in "ab"), strict=True
            )
        )
        ones = np.hstack([h, np.ones((len(h), 1))])
        prior = ones @ np.vstack([kernel, bias])
        ridge = Ridge(alpha=chosen.strength * len(h), fit_intercept=False)
        oracle = prior[:, 0] + ridge.fit(ones, LEVEL - prior[:, 0]).predict(ones)
    np.testing.assert_allclose(outputs(found.model)["new"][:, 0], oracle, atol=1e-4)


def test_the_linear_head_of_classes_is_the_logistic_regression():
    zero = LinearHead(np.zeros((3, 1)), np.zeros(1))
    head = fit_linear_head(KINDS["binary"], ROWS, SICK, 0.05, zero, free_bias=True)
    oracle = LogisticRegression(C=1 / (0.05 * len(ROWS)), tol=1e-8).fit(ROWS, SICK)
    np.testing.assert_allclose(head.kernel[:, 0], oracle.coef_[0], atol=1e-4)
    np.testing.assert_allclose(head.bias, oracle.intercept_, atol=1e-4)
    grades = np.digitize(LEVEL, [-0.5, 0.5]).astype(float)
    three = LinearHead(np.zeros((3, 3)), np.zeros(3))
    head = fit_linear_head(KINDS["multiclass"], ROWS, grades, 0.05, three, True)
    oracle = LogisticRegression(C=1 / (0.05 * len(ROWS)), tol=1e-8).fit(ROWS, grades)
    np.testing.assert_allclose(head.kernel.T, oracle.coef_, atol=1e-4)


def test_a_strong_pull_leaves_the_head_at_its_anchor():
    anchor = LinearHead(np.ones((3, 1)), np.array([2.0]))
    for kind, labels in (("regression", LEVEL), ("binary", SICK)):
        head = fit_linear_head(KINDS[kind], ROWS, labels, 1e9, anchor, free_bias=False)
        np.testing.assert_allclose(head.kernel, anchor.kernel, atol=1e-6)
        np.testing.assert_allclose(head.bias, anchor.bias, atol=1e-6)


@pytest.mark.two_backends
def test_a_frozen_trunk_forgets_nothing_and_the_given_model_stays_as_it_is(tmp_path):
    model = network()
    before, weights = outputs(model), model.get_weights()
    labels = SICK.copy()
    labels[::5] = np.nan
    learned = meta.adapt(
        model, "sick", (ROWS, labels), kind="binary", method="head", steps=3, folds=2
    )
    assert learned.task_names == ["b", "a", "sick"]
    for task, old in before.items():
        np.testing.assert_array_equal(outputs(learned)[task], old)
    for old, new in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    learned.save(tmp_path / "learned.keras")
    loaded = keras.saving.load_model(tmp_path / "learned.keras")
    assert isinstance(loaded, MultiTaskModel)
    np.testing.assert_allclose(
        outputs(loaded)["sick"], outputs(learned)["sick"], atol=1e-6
    )


def test_fine_tuning_moves_the_trunk_less_the_stronger_the_pull():
    model = network()
    before = model.get_layer("trunk").get_weights()[0]
    options = {"folds": 2, "steps": 20, "learning_rate": 0.02, "most_drift": 100.0}
    options |= {"method": "l2sp"}
    moved = {}
    for strength in (10.0, 0.1):
        options["strengths"] = [strength]
        learned = meta.adapt(model, "new", (ROWS, LEVEL), **options)
        after = learned.get_layer("trunk").get_weights()[0]
        moved[strength] = np.linalg.norm(after - before)
    assert 0 < moved[10.0] < 0.5 * moved[0.1]


def test_what_would_forget_the_trained_tasks_is_passed_over():
    model = network()
    options = {"folds": 2, "steps": 10, "learning_rate": 0.1}
    found = meta.compare_adaptations(
        model, "new", (ROWS, LEVEL), method=["linear", "full"], **options
    )
    assert found.chosen.method == "linear"
    assert max(found.drift.values()) == 0.0
    losses = [candidate.loss for candidate in found.candidates]
    assert losses == sorted(losses)
    with pytest.raises(UserError, match="changes the trained tasks by more than"):
        meta.adapt(model, "new", (ROWS, LEVEL), method="full", **options)


def test_of_classes_that_the_features_tell_apart_few_rows_suffice():
    model = network()
    grades = np.digitize(LEVEL, [-0.5, 0.5])
    options = {"kind": "multiclass", "method": "linear"}
    learned = meta.adapt(model, "grade", (ROWS, grades), **options)
    shares = outputs(learned)["grade"]
    assert shares.shape == (24, 3)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0, atol=1e-5)
    assert (shares.argmax(axis=1) == grades).mean() > 0.8


@pytest.mark.parametrize(
    ("task", "labels", "options", "message"),
    [
        ("a", LEVEL, {}, 'has the task "a" already; its tasks are b, a'),
        ("c", SICK * 0, {"kind": "binary"}, "of the class 0; rows of at least two"),
        ("c", LEVEL * 0, {}, "Every label of 'c' is 0"),
        ("c", np.where(SICK, 1.0, np.nan), {"folds": 20}, "fewer than the 20 folds"),
        ("c", SICK + 1, {"kind": "binary"}, "from 0 to 1; those of 'c' have 2"),
        ("c", np.eye(24)[0], {"kind": "binary"}, "The class 1 of 'c' has one row"),
        ("c", LEVEL[:5], {}, r"found \(5,\), and inputs of 24 rows"),
        ("c", LEVEL, {"kind": "ordinal"}, "kind must be one of binary"),
        ("c", LEVEL, {"method": "l2-sp"}, 'Did you mean "l2sp"'),
        ("c", np.full(24, "yes"), {"kind": "binary"}, "are not numbers: found"),
        ("c", LEVEL, {"folds": 1}, "folds must be at least 2"),
    ],
)
def test_a_wrong_input_is_named(task, labels, options, message):
    with pytest.raises(UserError, match=message):
        meta.adapt(network(), task, (ROWS, labels), **options)


def test_a_model_without_a_common_trunk_is_refused():
    x = keras.Input((3,))
    apart = {}
    for t in "ab":
        h = keras.layers.Dense(2, name=f"tower_{t}")(x)
        apart[t] = keras.layers.Dense(1, name=t)(h)
    for model in (MultiTaskModel(x, apart), network(tasks=("a",))):
        with pytest.raises(UserError, match="has no common trunk"):
            meta.adapt(model, "new", (ROWS, LEVEL))
    with pytest.raises(UserError, match="found Functional"):
        meta.adapt(keras.Model(x, apart), "new", (ROWS, LEVEL))
