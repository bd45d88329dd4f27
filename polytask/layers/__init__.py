"""Layers that Keras does not have, and sharing architectures made of them."""

from polytask.layers.ada_share import AdaShare
from polytask.layers.branching import Branching, ChooseParent
from polytask.layers.calibrated import Calibrated
from polytask.layers.cgc import CGC
from polytask.layers.column_group_dropout import ColumnGroupDropout
from polytask.layers.concrete_dropout import ConcreteDropout
from polytask.layers.cross_stitch import CrossStitch
from polytask.layers.cumulative_logits import CumulativeLogits
from polytask.layers.decorrelation_penalty import DecorrelationPenalty
from polytask.layers.drop_block import DropBlock1D, DropBlock2D
from polytask.layers.drop_connect import DropConnect
from polytask.layers.dropout import Dropout
from polytask.layers.dselect_k_gate import DSelectKGate
from polytask.layers.ensemble_dense import EnsembleDense
from polytask.layers.evo_normalization import EvoNormalization
from polytask.layers.film import FiLM
from polytask.layers.filter_response_normalization import FilterResponseNormalization
from polytask.layers.frequency_aware_l2 import FrequencyAwareL2
from polytask.layers.funnel_penalty import FunnelPenalty
from polytask.layers.gate import Gate
from polytask.layers.ghost_batch_normalization import GhostBatchNormalization
from polytask.layers.gradient_reversal import GradientReversal
from polytask.layers.hard_concrete_gate import HardConcreteGate
from polytask.layers.kernel_normalization import (
    WeightNormalization,
    WeightStandardization,
)
from polytask.layers.mix_experts import MixExperts
from polytask.layers.mixup_point import MixupPoint
from polytask.layers.mmoe import MMoE, MoE
from polytask.layers.mtan import MTAN
from polytask.layers.numeric_embedding import (
    PeriodicEmbedding,
    PiecewiseLinearEmbedding,
)
from polytask.layers.orthogonality_penalty import OrthogonalityPenalty
from polytask.layers.ple import PLE
from polytask.layers.pop_art import PopArt
from polytask.layers.preference import Preference
from polytask.layers.pseudo_tasks import PseudoTasks
from polytask.layers.roaming_units import RoamingUnits
from polytask.layers.select_columns import SelectColumns
from polytask.layers.shake_shake import ShakeShake
from polytask.layers.shared_bottom import SharedBottom
from polytask.layers.shared_private import SharedPrivate
from polytask.layers.sharing import Sharing
from polytask.layers.sluice import Sluice
from polytask.layers.softmax_gate import SoftmaxGate
from polytask.layers.stitch import Stitch
from polytask.layers.stochastic_depth import StochasticDepth
from polytask.layers.subspace_orthogonality import SubspaceOrthogonality
from polytask.layers.switchable_normalization import SwitchableNormalization
from polytask.layers.task_batch_normalization import TaskBatchNormalization
from polytask.layers.task_normalization import TaskNormalization
from polytask.layers.task_skip import RowsOfTasks, TaskSkip
from polytask.layers.token_dropout import TokenDropout
from polytask.layers.variational_dense import VariationalDense
from polytask.layers.zoneout import Zoneout

__all__ = [
    "CGC",
    "MTAN",
    "PLE",
    "AdaShare",
    "Branching",
    "Calibrated",
    "ChooseParent",
    "ColumnGroupDropout",
    "ConcreteDropout",
    "CrossStitch",
    "CumulativeLogits",
    "DSelectKGate",
    "DecorrelationPenalty",
    "DropBlock1D",
    "DropBlock2D",
    "DropConnect",
    "Dropout",
    "EnsembleDense",
    "EvoNormalization",
    "FiLM",
    "FilterResponseNormalization",
    "FrequencyAwareL2",
    "FunnelPenalty",
    "Gate",
    "GhostBatchNormalization",
    "GradientReversal",
    "HardConcreteGate",
    "MMoE",
    "MixExperts",
    "MixupPoint",
    "MoE",
    "OrthogonalityPenalty",
    "PeriodicEmbedding",
    "PiecewiseLinearEmbedding",
    "PopArt",
    "Preference",
    "PseudoTasks",
    "RoamingUnits",
    "RowsOfTasks",
    "SelectColumns",
    "ShakeShake",
    "SharedBottom",
    "SharedPrivate",
    "Sharing",
    "Sluice",
    "SoftmaxGate",
    "Stitch",
    "StochasticDepth",
    "SubspaceOrthogonality",
    "SwitchableNormalization",
    "TaskBatchNormalization",
    "TaskNormalization",
    "TaskSkip",
    "TokenDropout",
    "VariationalDense",
    "WeightNormalization",
    "WeightStandardization",
    "Zoneout",
]
