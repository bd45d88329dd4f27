"""Linear models of several tasks, compatible with scikit-learn.

Estimators with the task structures of `polytask.regularizers`, solved exactly in NumPy:
no Keras backend takes part.
"""

from polytask.linear.accepted import supported
from polytask.linear.asymmetric import AsymmetricRegressor
from polytask.linear.classifier import MultiTaskClassifier
from polytask.linear.grid_search import MultiTaskGridSearchCV
from polytask.linear.incomplete import IncompleteSources
from polytask.linear.latent_basis import LatentBasisRegressor
from polytask.linear.matrix_normal import MatrixNormalRegressor
from polytask.linear.path import Path, path
from polytask.linear.regressor import MultiTaskRegressor
from polytask.linear.regressor_cv import MultiTaskRegressorCV

__all__ = [
    "AsymmetricRegressor",
    "IncompleteSources",
    "LatentBasisRegressor",
    "MatrixNormalRegressor",
    "MultiTaskClassifier",
    "MultiTaskGridSearchCV",
    "MultiTaskRegressor",
    "MultiTaskRegressorCV",
    "Path",
    "path",
    "supported",
]
