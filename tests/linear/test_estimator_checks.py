"""scikit-learn's own checks of the estimators."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from polytask.linear import (
    AsymmetricRegressor,
    LatentBasisRegressor,
    MatrixNormalRegressor,
    MultiTaskClassifier,
    MultiTaskRegressor,
    MultiTaskRegressorCV,
)


def expected_failures(estimator):
    if not isinstance(estimator, MultiTaskClassifier):
        return {}
    return {
        "check_classifier_multioutput": (
            "indexes classes_ with an array, as if all tasks had the same two classes; "
            "here classes_ is a list with the classes of each task, as in "
            "scikit-learn's forests"
        )
    }


# scikit-learn's own check of the type of targets, among which are infinite ones.
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(
    [
        MultiTaskRegressor(),
        MultiTaskRegressor("mean_regularized"),
        MultiTaskRegressorCV("trace_norm", num_strengths=4),
        MultiTaskClassifier(),
        AsymmetricRegressor(),
        LatentBasisRegressor(),
        MatrixNormalRegressor(),
    ],
    expected_failed_checks=expected_failures,
)
def test_scikit_learn_compatible_estimator(estimator, check):
    check(estimator)
