"""The former place of `polytask.lab.reports`."""

import warnings

from polytask.lab.reports import *  # noqa: F403

warnings.warn(
    "polytask.reports is now polytask.lab.reports; the old name goes with version 0.3.",
    DeprecationWarning,
    stacklevel=2,
)
