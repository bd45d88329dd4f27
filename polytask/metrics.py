"""The former place of `polytask.lab.metrics`."""

import warnings

from polytask.lab.metrics import *  # noqa: F403
from polytask.metric_direction import HIGHER_IS_BETTER as HIGHER_IS_BETTER
from polytask.metric_direction import higher_is_better as higher_is_better

warnings.warn(
    "polytask.metrics is now polytask.lab.metrics; the old name goes with version 0.3.",
    DeprecationWarning,
    stacklevel=2,
)
