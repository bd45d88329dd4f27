"""One variant's network: a shared trunk, and a tower and head for each task."""

from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any

import keras
from keras import ops

from polytask import Knob, regularizers
from polytask.errors import UserError
from polytask.lab.kinds import Task
from polytask.lab.studies.families import instantiate
from polytask.lab.studies.inputs import (
    additive_columns,
    columns_hidden,
    embedded,
    selected,
)
from polytask.lab.studies.normalizations import ACTIVATING, normalization
from polytask.lab.studies.reading import Place
from polytask.lab.tables import FeatureColumns
from polytask.layers import (
    Calibrated,
    DecorrelationPenalty,
    DropConnect,
    Dropout,
    FiLM,
    FunnelPenalty,
    HardConcreteGate,
    MixupPoint,
    RoamingUnits,
)
from polytask.layers._block import Block
from polytask.layers.architectures import ARCHITECTURES
from polytask.models import MultiTaskModel
from polytask_options import Network, Settings

# Width of the layer that columns take past the trunk.
_ADDITIVE_UNITS = 64

_NO_COLUMNS = FeatureColumns()


def build_network(
    tasks: Sequence[Task],
    features: int,
    network: Network,
    settings: Settings,
    numbers: Sequence[int] = (),
    columns: FeatureColumns = _NO_COLUMNS,
    first: int = 0,
) -> MultiTaskModel:
    """Return the untrained model; see `polytask.models.initial_values` for its weights.

    Every hidden layer is dense → batch normalization → activation → dropout, each
    where the settings ask for it; the experts of a mixture are such layers too.
    Penalties act on kernels of dense layers alone.

    Args:
        tasks: One head each; one task alone gives its single-task baseline.
        features: Columns of the design matrix.
        network: Widths and activation.
        settings: The variant's regularization and sharing; a single task has the
            plain trunk. Strengths and rates may be knobs.
        numbers: Columns that get an embedding, where the network has one; the others
            enter as they are. See `numeric_columns`.
        columns: The table's columns behind those of the design matrix.
        first: Number of the first task among those of the data, for the layers' names.

    Returns:
        A model whose outputs are probabilities, or standardized values.

    Raises:
        UserError: If the settings name tasks that are not there or of another kind.
    """
    inputs = keras.Input((features,), name="features")
    hidden = columns_hidden(inputs, settings.column_dropout, columns)
    if settings.noise_input:
        noise = keras.layers.GaussianNoise(settings.noise_input, name="input_noise")
        hidden = noise(hidden)
    hidden = _dropout(hidden, settings.dropout_input, settings, "input_dropout")
    additive = additive_columns(columns, network)
    sums = _added(hidden, additive, settings)
    hidden = embedded(hidden, features, additive, numbers, network)
    features_of = _features([t.name for t in tasks], hidden, network, settings)
    outputs = {}
    for t, task in enumerate(tasks, first):
        tower = _gated(features_of[task.name], settings.task_gates, f"gate_{t}")
        if settings.film:
            every_row = ops.ones_like(tower[:, :1])
            tower = FiLM(name=f"film_{t}")(tower, every_row)
        normalize = settings.normalization_tower or _batch_norm(settings)
        rate = of_task(settings.dropout_tower, task.name)
        for i, width in enumerate(network.towers):
            name = f"tower_{t}_{i}"
            penalty = _penalty(settings)
            tower = _dense(tower, width, network, settings, penalty, normalize, name)
            strength = of_task(settings.activity_l2_tower, task.name)
            tower = _penalized(tower, strength, name)
            tower = _dropout(tower, rate, settings, f"{name}_dropout")
        if sums is not None:
            beside = keras.layers.Concatenate(name=f"tower_{t}_and_additive")
            tower = beside([tower, sums])
        head = task.rules.head(task, _penalty(settings), f"head_{t}")
        outputs[task.name] = head(tower)
        if task.name in settings.calibrated:
            declare = Calibrated(name=f"calibrated_{t}")
            outputs[task.name] = declare(outputs[task.name])
    if settings.funnel is not None:
        outputs |= _funnel(tasks, outputs, settings.funnel)
    return MultiTaskModel(inputs, outputs)


def of_task(value: Any, task: str) -> Any:
    """Return an option's value for a task; a table leaves others at 0.

    Args:
        value: One number for all tasks, or a table of them.
        task: Name of the task.
    """
    if isinstance(value, Knob):
        return value
    return float(value.get(task, 0.0) if isinstance(value, Mapping) else value)


def _added(x: Any, additive: Sequence[int], settings: Settings) -> Any:
    """Return what columns add to the heads' inputs, past the trunk; None for none."""
    if not additive:
        return None
    # All tasks share it, so that a category of few rows is learned from all of them.
    layer = keras.layers.Dense(
        _ADDITIVE_UNITS,
        use_bias=False,
        kernel_regularizer=_input_penalty(settings),
        name="additive",
    )
    return layer(selected(x, additive, "additive_columns"))


def _funnel(
    tasks: Sequence[Task], outputs: dict[str, Any], options: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the outputs of a funnel's stages, with the penalty on their order."""
    stages = options["tasks"]
    kinds = {task.name: task.kind for task in tasks}
    Place("funnel, tasks").refuse_unknown(stages, kinds)
    wrong = [stage for stage in stages if kinds[stage] != "binary"]
    if wrong:
        raise UserError(
            f"funnel compares binary tasks; {wrong[0]} is {kinds[wrong[0]]}."
        )
    penalty = FunnelPenalty(options["strength"], name="funnel")
    return dict(zip(stages, penalty([outputs[s] for s in stages]), strict=True))


def task_head(model: keras.Model, number: int) -> keras.layers.Layer:
    """Return the head of a network of `build_network`.

    Args:
        model: The network.
        number: Of the task among those of the data.
    """
    return model.get_layer(f"head_{number}")


def _features(
    tasks: Sequence[str], inputs: Any, network: Network, settings: Settings
) -> dict[str, Any]:
    """Return what the towers read."""
    if settings.sharing is None or len(tasks) == 1:
        for i, width in enumerate(network.trunk):
            inputs = _hidden(inputs, i, width, network, settings, f"trunk_{i}")
            if settings.mixup and settings.mixup_at == "hidden":
                inputs = MixupPoint(name=f"trunk_{i}_mixup")(inputs)
        if settings.decorrelation is not None:
            penalty = DecorrelationPenalty(
                **settings.decorrelation, name="decorrelation"
            )
            inputs = penalty(inputs)
        if settings.roaming is not None and len(tasks) > 1:
            share = settings.roaming["share"]
            parts: dict[str, Any] = RoamingUnits(tasks, share, name="roaming")(inputs)
            return parts
        return dict.fromkeys(tasks, inputs)
    if settings.decorrelation is not None:
        raise UserError(
            "decorrelation acts on the end of a plain trunk, not on sharing."
        )
    if settings.roaming is not None:
        raise UserError(
            "roaming takes the last units of a plain trunk apart, not those of sharing."
        )
    if settings.mixup and settings.mixup_at == "hidden":
        raise UserError(
            'mixup_at = "hidden" mixes the layers of a plain trunk, not of sharing.'
        )
    numbers = count()

    def layer(level: int, width: int) -> Callable[[Any], Any]:
        name = f"trunk_{level}_{next(numbers)}"
        return lambda x: _hidden(x, level, width, network, settings, name)

    return _shared_features(
        settings.sharing, tasks, network.trunk, settings.batch_norm, layer, inputs
    )


def _hidden(
    x: Any, level: int, width: int, network: Network, settings: Settings, name: str
) -> Any:
    """Return a layer of the trunk, or of an expert."""
    kernel = _input_penalty(settings) if level == 0 else _penalty(settings)
    normalize = settings.normalization_trunk or _batch_norm(settings)
    x = _dense(x, width, network, settings, kernel, normalize, name)
    x = _penalized(x, settings.activity_l2, name)
    return _dropout(x, settings.dropout_trunk, settings, f"{name}_dropout")


def _penalized(x: Any, strength: float, name: str) -> Any:
    """Return what a layer puts out, with a penalty on its squares."""
    if not strength:
        return x
    # Keras has no ½ in its L2.
    half = strength / 2
    return keras.layers.ActivityRegularization(l2=half, name=f"{name}_activity_l2")(x)


def _batch_norm(settings: Settings) -> dict[str, Any] | None:
    return {"name": "batch"} if settings.batch_norm else None


def _dense(
    x: Any,
    width: int,
    network: Network,
    settings: Settings,
    penalty: Any,
    normalize: dict[str, Any] | None,
    name: str,
) -> Any:
    options = {
        "use_bias": normalize is None,
        "kernel_regularizer": penalty,
        "name": name,
    }
    if settings.drop_connect:
        x = DropConnect(width, settings.drop_connect, **options)(x)
    else:
        x = keras.layers.Dense(width, **options)(x)
    if normalize is not None:
        x = normalization(normalize, name=f"{name}_norm")(x)
        if normalize["name"] in ACTIVATING:
            return x
    return keras.layers.Activation(network.activation, name=f"{name}_activation")(x)


_DROPOUTS = {
    "plain": keras.layers.Dropout,
    "gaussian": keras.layers.GaussianDropout,
    "alpha": keras.layers.AlphaDropout,
}


def _dropout(x: Any, rate: Any, settings: Settings, name: str) -> Any:
    if isinstance(rate, Knob):
        return Dropout(rate, name=name)(x)
    return _DROPOUTS[settings.dropout_kind](rate, name=name)(x) if rate else x


def _gated(x: Any, strength: Any, name: str) -> Any:
    return HardConcreteGate(strength, name=name)(x) if _acts(strength) else x


def _acts(strength: Any) -> bool:
    return isinstance(strength, Knob) or bool(strength)


def _penalty(settings: Settings) -> keras.regularizers.Regularizer | None:
    """Return a new penalty for a kernel, or None."""
    parts: list[keras.regularizers.Regularizer] = []
    # A variant has one of these; the lanes of several may have all.
    if _acts(settings.l2):
        parts.append(regularizers.L2(settings.l2))
    if settings.elastic_net is not None:
        parts.append(regularizers.ElasticNet(*settings.elastic_net))
    if settings.regularizer is not None:
        parts.append(instantiate(regularizers, settings.regularizer))
    if _acts(settings.l1):
        parts.append(regularizers.L1(settings.l1))
    if len(parts) > 1:
        return regularizers.Sum(parts)
    return parts[0] if parts else None


def _input_penalty(settings: Settings) -> keras.regularizers.Regularizer | None:
    """Return the first kernel's penalty; the input penalties stand in for L1."""
    if _acts(settings.group_lasso):
        return regularizers.GroupLasso(settings.group_lasso, groups="inputs")
    if _acts(settings.l1_inputs):
        ridge = settings.elastic_net[1] if settings.elastic_net else settings.l2
        if _acts(ridge):
            return regularizers.ElasticNet(settings.l1_inputs, ridge)
        return regularizers.L1(settings.l1_inputs)
    return _penalty(settings)


def _shared_features(
    options: Mapping[str, Any],
    tasks: Sequence[str],
    trunk: Sequence[int],
    batch_norm: bool,
    layer: Callable[[int, int], Callable[[Any], Any]],
    inputs: Any,
) -> dict[str, Any]:
    """Return each task's features from a sharing architecture.

    Args:
        options: The option `sharing`.
        tasks: Task names.
        trunk: Widths of the shared layers, where the option gives no `units`.
        batch_norm: Whether the attention of MTAN is batch-normalized.
        layer: Returns a new hidden layer, from its level and its width.
        inputs: What the first layers read.
    """
    cls: Any = ARCHITECTURES.named(options["name"])
    keywords = {k: v for k, v in options.items() if k not in ("name", "units")}
    if options["name"] == "mtan":
        keywords.setdefault("batch_norm", batch_norm)
    widths = options.get("units", trunk)
    if options["name"] in ("sluice", "ada_share") and "units" not in options:
        # One mixes its layers at the end, one skips them: they have one width.
        widths = [trunk[-1]] * len(trunk)

    def level(index: int) -> Callable[[], Callable[[Any], Any]]:
        return lambda: layer(index, widths[index])

    levels = [level(index) for index in range(len(widths))]
    make: Any = levels if cls.layered else lambda: Block([one() for one in levels])
    architecture = cls(tasks, **keywords, make=make, name="sharing")
    features: dict[str, Any] = architecture(inputs)
    return features
