"""The former place of `polytask.lab.tables`."""

import warnings

from polytask.lab.tables import *  # noqa: F403
from polytask.training import TaskMixture as TaskMixture

warnings.warn(
    "polytask.data is now polytask.lab.tables; the old name goes with version 0.3.",
    DeprecationWarning,
    stacklevel=2,
)
