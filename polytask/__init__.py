"""Regularized multi-task learning for Keras 3."""

from typing import TYPE_CHECKING

from polytask import _backend

# Before anything imports Keras: it reads its backend once, at import.
_backend.choose()

from polytask import balancing as balancing  # noqa: E402
from polytask import callbacks as callbacks  # noqa: E402
from polytask import layers as layers  # noqa: E402
from polytask import optimizers as optimizers  # noqa: E402
from polytask import regularizers as regularizers  # noqa: E402
from polytask._lazy import loaded_when_used  # noqa: E402
from polytask.errors import UserError as UserError  # noqa: E402
from polytask.knob import Knob as Knob  # noqa: E402
from polytask.models import MultiTaskModel as MultiTaskModel  # noqa: E402
from polytask.models.best_decoders import (  # noqa: E402
    best_decoders as best_decoders,
)
from polytask.models.compact import compact as compact  # noqa: E402
from polytask.models.fisher_information import (  # noqa: E402
    fisher_information as fisher_information,
)
from polytask.models.merge import merge as merge  # noqa: E402
from polytask.models.predict_samples import (  # noqa: E402
    predict_samples as predict_samples,
)
from polytask.models.recompute_statistics import (  # noqa: E402
    recompute_statistics as recompute_statistics,
)
from polytask.training.freed_memory import (  # noqa: E402
    keep_freed_memory as keep_freed_memory,
)

if TYPE_CHECKING:
    from polytask import lab as lab
    from polytask import linear as linear
    from polytask import meta as meta
    from polytask import testing as testing
    from polytask.lab.tabular_model import TabularModel as TabularModel

__version__ = "0.1.0"

# They need packages that a network does without. The last four are former places.
__getattr__, __dir__ = loaded_when_used(
    __name__,
    ["lab", "linear", "meta", "testing", "data", "metrics", "reports", "studies"],
    {"TabularModel": "polytask.lab.tabular_model"},
)
