"""Layers that Keras does not have, and sharing architectures made of them."""

from polytask.layers.decorrelation_penalty import DecorrelationPenalty
from polytask.layers.difference_penalty import DifferencePenalty
from polytask.layers.film import FiLM
from polytask.layers.frequency_aware_l2 import FrequencyAwareL2
from polytask.layers.gradient_reversal import GradientReversal
from polytask.layers.hard_concrete_gate import HardConcreteGate
from polytask.layers.orthogonality_penalty import OrthogonalityPenalty
from polytask.layers.select_columns import SelectColumns
from polytask.layers.shared_private import SharedPrivate
from polytask.layers.sharing import Sharing
from polytask.layers.task_batch_normalization import TaskBatchNormalization

__all__ = [
    "DecorrelationPenalty",
    "DifferencePenalty",
    "FiLM",
    "FrequencyAwareL2",
    "GradientReversal",
    "HardConcreteGate",
    "OrthogonalityPenalty",
    "SelectColumns",
    "SharedPrivate",
    "Sharing",
    "TaskBatchNormalization",
]
from polytask.layers.cgc import CGC as CGC
from polytask.layers.dselect_k_gate import DSelectKGate as DSelectKGate
from polytask.layers.gate import Gate as Gate
from polytask.layers.mix_experts import MixExperts as MixExperts
from polytask.layers.mmoe import MMoE as MMoE
from polytask.layers.moe import MoE as MoE
from polytask.layers.ple import PLE as PLE
from polytask.layers.shared_bottom import SharedBottom as SharedBottom
from polytask.layers.softmax_gate import SoftmaxGate as SoftmaxGate
