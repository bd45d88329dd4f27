"""Regularized multi-task learning for Keras 3."""

from polytask import _backend

# Before anything imports Keras: it reads its backend once, at import.
_backend.choose()

from polytask import balancing as balancing  # noqa: E402
from polytask import callbacks as callbacks  # noqa: E402
from polytask import layers as layers  # noqa: E402
from polytask import optimizers as optimizers  # noqa: E402
from polytask import regularizers as regularizers  # noqa: E402
from polytask.errors import UserError as UserError  # noqa: E402
from polytask.models import MultiTaskModel as MultiTaskModel  # noqa: E402
from polytask.models.compact import compact as compact  # noqa: E402

__version__ = "0.1.0"
