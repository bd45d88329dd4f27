"""Layers that Keras does not have, and sharing architectures made of them."""

from polytask.layers.decorrelation_penalty import DecorrelationPenalty
from polytask.layers.hard_concrete_gate import HardConcreteGate
from polytask.layers.orthogonality_penalty import OrthogonalityPenalty
from polytask.layers.select_columns import SelectColumns

__all__ = ["DecorrelationPenalty", "OrthogonalityPenalty", "SelectColumns"]
from polytask.layers.difference_penalty import DifferencePenalty as DifferencePenalty
from polytask.layers.film import FiLM as FiLM
from polytask.layers.frequency_aware_l2 import FrequencyAwareL2
from polytask.layers.gradient_reversal import GradientReversal as GradientReversal
from polytask.layers.shared_private import SharedPrivate as SharedPrivate
from polytask.layers.sharing import Sharing as Sharing
from polytask.layers.task_batch_normalization import (
    TaskBatchNormalization as TaskBatchNormalization,
)

__all__ = ["FrequencyAwareL2", "SelectColumns"]
__all__ = [
    "DecorrelationPenalty",
    "HardConcreteGate",
    "OrthogonalityPenalty",
    "SelectColumns",
]
