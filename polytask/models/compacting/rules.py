"""Which rule holds for a call, if any."""

from keras import layers

from polytask.layers.calibrated import Calibrated
from polytask.layers.column_group_dropout import ColumnGroupDropout
from polytask.layers.drop_block import DropBlock1D, DropBlock2D
from polytask.layers.drop_connect import DropConnect
from polytask.layers.frequency_aware_l2 import FrequencyAwareL2
from polytask.layers.ghost_batch_normalization import GhostBatchNormalization
from polytask.layers.mixup_point import MixupPoint
from polytask.layers.select_columns import SelectColumns
from polytask.layers.stochastic_depth import StochasticDepth
from polytask.models.compacting.column_rule import ColumnRule
from polytask.models.compacting.columnwise_rule import (
    ActivationRule,
    ColumnGroupDropoutRule,
    ColumnwiseRule,
    PReLURule,
)
from polytask.models.compacting.embedding_rule import (
    EmbeddingRule,
    FrequencyAwareL2Rule,
)
from polytask.models.compacting.kernel_rule import KernelRule
from polytask.models.compacting.merging_rule import (
    ConcatenateRule,
    ElementwiseMergeRule,
)
from polytask.models.compacting.normalization_rule import (
    BatchNormalizationRule,
    NormalizationRule,
)
from polytask.models.compacting.reordering_rule import FlattenRule, SelectColumnsRule
from polytask.models.layer_calls import LayerCall, LayerCalls

_RULES: dict[type, ColumnRule] = {
    layers.Dense: KernelRule("units"),
    DropConnect: KernelRule("units"),
    layers.BatchNormalization: BatchNormalizationRule(),
    GhostBatchNormalization: BatchNormalizationRule(),
    layers.Normalization: NormalizationRule(),
    layers.PReLU: PReLURule(),
    layers.Concatenate: ConcatenateRule(),
    layers.Flatten: FlattenRule(),
    layers.Embedding: EmbeddingRule(),
    FrequencyAwareL2: FrequencyAwareL2Rule(),
    SelectColumns: SelectColumnsRule(),
    ColumnGroupDropout: ColumnGroupDropoutRule(),
}
for _convolution in (layers.Conv1D, layers.Conv2D, layers.Conv3D):
    _RULES[_convolution] = KernelRule("filters")
for _activation in (layers.Activation, layers.ELU, layers.LeakyReLU, layers.ReLU):
    _RULES[_activation] = ActivationRule()
for _merge in (
    layers.Add,
    layers.Average,
    layers.Maximum,
    layers.Minimum,
    layers.Multiply,
    layers.Subtract,
):
    _RULES[_merge] = ElementwiseMergeRule()
for _columnwise in (
    # At inference these are the identity.
    layers.ActivityRegularization,
    layers.AlphaDropout,
    layers.Dropout,
    Calibrated,
    DropBlock1D,
    DropBlock2D,
    layers.GaussianDropout,
    layers.GaussianNoise,
    layers.Identity,
    MixupPoint,
    layers.SpatialDropout1D,
    layers.SpatialDropout2D,
    layers.SpatialDropout3D,
    StochasticDepth,
    # These work on positions, each channel by itself.
    layers.GlobalAveragePooling1D,
    layers.GlobalAveragePooling2D,
    layers.GlobalAveragePooling3D,
    layers.GlobalMaxPooling1D,
    layers.GlobalMaxPooling2D,
    layers.GlobalMaxPooling3D,
):
    _RULES[_columnwise] = ColumnwiseRule()
for _pooling in (
    layers.AveragePooling1D,
    layers.AveragePooling2D,
    layers.AveragePooling3D,
    layers.MaxPooling1D,
    layers.MaxPooling2D,
    layers.MaxPooling3D,
):
    _RULES[_pooling] = ColumnwiseRule(padded=True)


def rules_of(calls: LayerCalls) -> list[ColumnRule | None]:
    """Return the rule of each call, None for a barrier.

    Args:
        calls: The calls of a model.

    Returns:
        One entry for each call. A layer with parameters that is called more than once
        is a barrier, and so is one whose call differs from inference.
    """
    times: dict[int, int] = {}
    for call in calls.calls:
        times[id(call.layer)] = times.get(id(call.layer), 0) + 1
    return [_rule_of(call, calls, times[id(call.layer)]) for call in calls.calls]


def _rule_of(call: LayerCall, calls: LayerCalls, times: int) -> ColumnRule | None:
    # A subclass may compute something else.
    rule = _RULES.get(type(call.layer))
    if rule is None or (rule.sized and times > 1) or len(call.outputs) != 1:
        return None
    reads = [calls.tensors[key] for key in call.inputs]
    returns = calls.tensors[call.outputs[0]]
    ranks = [len(tensor.shape) for tensor in (*reads, returns)]
    if min(ranks) < 2 or any(t.shape[-1] is None for t in (*reads, returns)):
        return None
    arguments = call.node.arguments
    # With training=True dropout stays random, and statistics are those of the batch.
    extra = any(v is not None and v is not False for v in arguments.kwargs.values())
    if extra or len(arguments.args) != 1:
        return None
    return rule if rule.applies(call.layer, reads, returns) else None
