import math

import numpy as np
import pytest
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
