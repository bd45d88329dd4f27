"""The former place of `polytask.lab.studies`."""

import warnings

from polytask.lab.studies import *  # noqa: F403

warnings.warn(
    "polytask.studies is now polytask.lab.studies; the old name goes with version 0.3.",
    DeprecationWarning,
    stacklevel=2,
)
