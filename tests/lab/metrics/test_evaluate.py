import math

import keras
import numpy as np
import pytest
from keras import ops
from sklearn import metrics as sk

from polytask.errors import UserError
from polytask.lab.metrics import METRICS, constant_prediction, evaluate, task_loss
from polytask.lab.tables import Task

BINARY = Task("b", "binary", ("no", "yes"))
MULTICLASS = Task("m", "multiclass", ("x", "y", "z"))
REGRESSION = Task("r", "regression", (), mean=1.0, scale=2.0)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_binary_metrics_equal_sklearn_on_labeled_rows(rng):
    y = rng.integers(0, 2, 80).astype("float32")
    p = rng.random(80).astype("float32")
    scores, reasons = evaluate(BINARY, np.append(y, np.nan), np.append(p, 0.5))
    assert reasons == {}
    assert scores["auc"] == pytest.approx(sk.roc_auc_score(y, p))
    assert scores["accuracy"] == pytest.approx(sk.accuracy_score(y, p >= 0.5))
    assert scores["log_loss"] == pytest.approx(sk.log_loss(y, p), rel=1e-6)
    assert scores["loss"] == scores["log_loss"]


def test_multiclass_metrics_equal_sklearn_on_labeled_rows(rng):
    y = rng.integers(0, 3, 90).astype("int32")
    p = rng.dirichlet(np.ones(3), 90)
    scores, reasons = evaluate(
        MULTICLASS, np.append(y, -1), np.vstack([p, np.ones(3) / 3])
    )
    assert reasons == {}
    assert scores["accuracy"] == pytest.approx(sk.accuracy_score(y, p.argmax(1)))
    assert scores["log_loss"] == pytest.approx(sk.log_loss(y, p))
    assert scores["auc"] == pytest.approx(sk.roc_auc_score(y, p, multi_class="ovr"))


def test_regression_metrics_are_in_original_units_and_the_loss_is_standardized(rng):
    y, p = rng.normal(size=(2, 50))
    scores, _ = evaluate(REGRESSION, np.append(y, np.nan), np.append(p, 9.0))
    assert scores["rmse"] == pytest.approx(sk.root_mean_squared_error(y, p))
    assert scores["mae"] == pytest.approx(sk.mean_absolute_error(y, p))
    assert scores["r2"] == pytest.approx(sk.r2_score(y, p))
    assert scores["loss"] == pytest.approx(sk.mean_squared_error(y, p) / 4)


def test_one_class_leaves_the_auc_undefined_with_a_reason():
    scores, reasons = evaluate(BINARY, np.ones(3), np.array([0.2, 0.9, 0.6]))
    assert math.isnan(scores["auc"])
    assert reasons == {"auc": "all 3 labels are positive"}
    assert scores["accuracy"] == pytest.approx(2 / 3)


def test_a_class_without_a_row_leaves_the_multiclass_auc_undefined():
    y, p = np.array([0, 1, -1]), np.eye(3)
    scores, reasons = evaluate(MULTICLASS, y, p)
    assert math.isnan(scores["auc"])
    assert reasons["auc"] == "1 of 3 classes have no labeled row"


def test_equal_labels_leave_r2_undefined():
    scores, reasons = evaluate(REGRESSION, np.full(3, 2.5), np.zeros(3))
    assert math.isnan(scores["r2"])
    assert reasons["r2"] == "all 3 labels are equal"


@pytest.mark.parametrize("task", [BINARY, MULTICLASS, REGRESSION])
def test_no_label_leaves_every_metric_undefined(task):
    y = np.full(4, -1 if task.kind == "multiclass" else np.nan)
    p = np.full((4, 3), 1 / 3) if task.kind == "multiclass" else np.full(4, 0.5)
    scores, reasons = evaluate(task, y, p)
    assert set(scores) == {m.name for m in METRICS[task.kind]} | {"loss"}
    assert all(math.isnan(value) for value in scores.values())
    assert set(reasons.values()) == {"no row has a label"}
    assert math.isnan(task_loss(task, y, p))


def test_predictions_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="diverged"):
        evaluate(BINARY, np.array([0.0, 1.0]), np.array([0.5, np.nan]))


def test_no_constant_beats_the_constant_prediction():
    y = np.array([0, 0, 1, np.nan])
    best = task_loss(BINARY, y, constant_prediction(BINARY, y, 4))
    assert all(best < task_loss(BINARY, y, np.full(4, c)) for c in (0.2, 0.3, 0.4))


def test_constant_multiclass_prediction_is_the_share_of_each_class():
    shares = constant_prediction(MULTICLASS, np.array([0, 0, 2, -1]), 2)
    np.testing.assert_allclose(shares, [[2 / 3, 0, 1 / 3]] * 2)


def test_a_constant_needs_a_label():
    with pytest.raises(UserError, match="'b' has no label"):
        constant_prediction(BINARY, np.array([np.nan]), 1)


ORDINAL = Task("o", "ordinal", ("1", "2", "3", "4"))
COUNT = Task("c", "count", scale=3.0)
POSITIVE = Task("p", "positive", mean=1.0, scale=2.0)


def test_count_metrics_equal_sklearn_and_the_loss_is_half_the_deviance(rng):
    y = rng.poisson(3.0, 80).astype("float32")
    p = rng.gamma(3.0, size=80)
    scores, _ = evaluate(COUNT, np.append(y, np.nan), np.append(p, 9.0))
    deviance = sk.mean_poisson_deviance(y, p)
    assert scores["poisson_deviance"] == pytest.approx(deviance)
    assert scores["loss"] == pytest.approx(deviance / 2 / 3.0)
    assert scores["mae"] == pytest.approx(sk.mean_absolute_error(y, p))


def test_the_loss_of_counts_is_keras_loss_less_that_of_a_perfect_prediction(rng):
    y = rng.poisson(3.0, 80).astype("float32")
    p = rng.gamma(3.0, size=80).astype("float32")

    def keras_loss(prediction):
        targets = COUNT.rules.targets(COUNT, y)
        loss = keras.losses.get(COUNT.rules.loss)
        return np.mean(ops.convert_to_numpy(loss(targets, prediction[:, None] / 3)))

    expected = keras_loss(p) - keras_loss(np.maximum(y, 1e-7))
    assert task_loss(COUNT, y, p) == pytest.approx(expected, abs=1e-5)


def test_positive_numbers_are_compared_as_logarithms(rng):
    y, p = np.exp(rng.normal(size=(2, 50)))
    scores, _ = evaluate(POSITIVE, np.append(y, np.nan), np.append(p, 9.0))
    expected = sk.root_mean_squared_error(np.log(y), np.log(p))
    assert scores["log_rmse"] == pytest.approx(expected)
    assert scores["loss"] == pytest.approx((expected / 2) ** 2)
    assert scores["mae"] == pytest.approx(sk.mean_absolute_error(y, p))


def test_ordinal_metrics_equal_sklearn_on_the_median_class(rng):
    y = rng.integers(0, 4, 90).astype("int32")
    p = rng.dirichlet(np.ones(4), 90)
    median = np.array([np.flatnonzero(np.cumsum(row) >= 0.5)[0] for row in p])
    scores, _ = evaluate(ORDINAL, np.append(y, -1), np.vstack([p, np.ones(4) / 4]))
    assert scores["rank_mae"] == pytest.approx(sk.mean_absolute_error(y, median))
    assert scores["accuracy"] == pytest.approx(sk.accuracy_score(y, median))
    kappa = sk.cohen_kappa_score(y, median, weights="quadratic")
    assert scores["kappa"] == pytest.approx(kappa)
    assert scores["log_loss"] == pytest.approx(sk.log_loss(y, p))


@pytest.mark.parametrize(
    ("task", "y"),
    [(COUNT, [0.0, 2, 5, np.nan]), (POSITIVE, [0.1, 2.0, 50.0, np.nan])],
)
def test_no_constant_of_numbers_beats_the_constant_prediction(task, y):
    y = np.array(y)
    best = constant_prediction(task, y, 4)
    others = [best * factor for factor in (0.5, 0.9, 1.1, 2.0)]
    assert all(task_loss(task, y, best) < task_loss(task, y, o) for o in others)


def test_predictions_below_zero_have_a_deviance_and_no_crash():
    scores, _ = evaluate(COUNT, np.array([1.0, 2.0]), np.array([-1.0, 2.0]))
    assert np.isfinite(scores["poisson_deviance"])


@pytest.mark.parametrize(
    "task", [BINARY, MULTICLASS, REGRESSION, ORDINAL, COUNT, POSITIVE]
)
def test_a_row_of_weight_three_counts_as_three_rows(rng, task):
    weight = rng.integers(1, 4, 60)
    classes = len(task.classes)
    if classes:
        y = rng.integers(0, classes, 60).astype(task.rules.dtype)
        p = rng.dirichlet(np.ones(classes), 60)
        p = p[:, 1] if classes == 2 else p
    else:
        y = rng.poisson(3.0, 60) + 1.0
        p = rng.gamma(3.0, size=60)
    weighted, _ = evaluate(task, y, p, weight=weight.astype(float))
    repeated, _ = evaluate(task, np.repeat(y, weight), np.repeat(p, weight, axis=0))
    assert weighted == pytest.approx(repeated)
    assert weighted != pytest.approx(evaluate(task, y, p)[0])
    found = constant_prediction(task, y, 1, weight.astype(float))
    expected = constant_prediction(task, np.repeat(y, weight), 1)
    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize("kind", ["binary", "regression", "multiclass", "count"])
def test_a_row_of_weight_zero_counts_as_if_it_were_not_there(kind):
    classes = {"binary": ("a", "b"), "multiclass": ("a", "b", "c")}.get(kind, ())
    task = Task("t", kind, classes, scale=2.0)
    y = np.array([0, 1, 0, 2 if kind == "multiclass" else 1, 1])
    prediction = np.array([0.2, 0.7, 0.6, 0.9, 0.4])
    if kind == "multiclass":
        prediction = np.eye(3)[y] * 0.4 + 0.2
    weight = np.array([1.0, 3.0, 0.5, 0.0, 0.0])
    kept = weight > 0
    alone, why = evaluate(task, y[kept], prediction[kept], weight=weight[kept])
    scores, reasons = evaluate(task, y, prediction, weight=weight)
    assert scores == pytest.approx(alone, nan_ok=True)
    assert reasons == why
    scores, reasons = evaluate(task, y, prediction, weight=np.zeros(5))
    assert all(np.isnan(score) for score in scores.values())
    assert set(reasons.values()) == {"no row has a label and a weight"}
