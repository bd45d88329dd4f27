"""The options of a variant: all that a study compares."""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from polytask_options.option import Sole, changed, option, options
from polytask_options.ranges import Parts, Range
from polytask_options.table_values import Each, Named, Table
from polytask_options.values import (
    Choice,
    Integer,
    Number,
    Switch,
    TaskNames,
    Texts,
)

STRENGTH = Number()
# Strengths are as likely in each power of ten.
_WEAK = Range(1e-6, 1e-2, log=True)
_STRONG = Range(1e-5, 1e-1, log=True)
RATE = Number(below=1.0)
KERNELS = Sole("penalize every kernel", " (elastic_net joins l1 and l2)")
FIRST_KERNEL = Sole("penalize the first layer")
NORMALIZATION = Sole("normalize the shared layers")
DROPOUTS = ("plain", "gaussian", "alpha")


class ElasticNet(NamedTuple):
    """The two strengths."""

    l1: float
    l2: float


@dataclass(frozen=True)
class Settings:
    """The options of one variant; the defaults are no regularization at all.

    Example:
        >>> Settings(l1=1e-3).to_dict()
        {'l1': 0.001}
    """

    l1: float = option(
        0.0,
        STRENGTH,
        "strength of L1 on every kernel; a proximal step gives exact zeros",
        sole=KERNELS,
        search=_WEAK,
    )
    l1_inputs: float = option(
        0.0,
        STRENGTH,
        "strength of L1 on the first layer's kernel alone",
        sole=FIRST_KERNEL,
        search=_STRONG,
    )
    l2: float = option(
        0.0,
        STRENGTH,
        "strength of L2, l2/2 * ||w||^2, on every kernel",
        sole=KERNELS,
        search=_STRONG,
    )
    elastic_net: ElasticNet | None = option(
        None,
        Table({"l1": STRENGTH, "l2": STRENGTH}, make=ElasticNet),
        "{ l1 = ..., l2 = ... } on every kernel",
        sole=KERNELS,
        search=Parts({"l1": _WEAK, "l2": _STRONG}, ElasticNet),
    )
    group_lasso: float = option(
        0.0,
        STRENGTH,
        "strength of a group penalty that drops whole input columns",
        sole=FIRST_KERNEL,
        search=_STRONG,
    )
    regularizer: dict[str, Any] | None = option(
        None,
        Named("regularizer"),
        'any regularizer by name: "l1" or { name = "l1", l1 = 1e-3 }',
        sole=KERNELS,
    )
    weight_decay: float | dict[str, float] = option(
        0.0,
        Each(STRENGTH, ("trunk", "tower", "head")),
        "decoupled decay of kernels: a rate, or { trunk, tower, head }",
        search=_STRONG,
    )
    task_gates: float = option(
        0.0,
        STRENGTH,
        "price of each shared unit that a task keeps, by learned L0 gates",
        search=_STRONG,
    )
    dropout_input: float = option(
        0.0,
        RATE,
        "dropout rate of the inputs",
        search=Range(0.0, 0.5),
    )
    dropout_trunk: float = option(
        0.0,
        RATE,
        "dropout rate after every shared layer",
        shorthand="dropout",
        search=Range(0.0, 0.7),
    )
    dropout_tower: float | dict[str, float] = option(
        0.0,
        Each(RATE),
        "dropout rate after every layer of the towers, or { task = ... }",
        shorthand="dropout",
        search=Range(0.0, 0.7),
    )
    dropout_kind: str = option(
        "plain", Choice(DROPOUTS), "what takes the place of dropout: gaussian or alpha"
    )
    column_dropout: float = option(
        0.0,
        RATE,
        "rate at which a column of the table is hidden, as if missing",
        search=Range(0.0, 0.5),
    )
    drop_connect: float = option(
        0.0,
        RATE,
        "rate at which weights of hidden layers are dropped",
        search=Range(0.0, 0.5),
    )
    noise_input: float = option(
        0.0,
        STRENGTH,
        "standard deviation of the noise on the inputs",
        search=Range(0.0, 1.0),
    )
    batch_norm: bool = option(
        False,
        Switch(),
        "batch normalization in every hidden layer, before dropout",
        sole=NORMALIZATION,
    )
    normalization_trunk: dict[str, Any] | None = option(
        None,
        Named("normalization"),
        'of every shared layer: "layer", "rms", { name = "ghost_batch", ... }',
        sole=NORMALIZATION,
        shorthand="normalization",
    )
    normalization_tower: dict[str, Any] | None = option(
        None,
        Named("normalization"),
        "of every layer of the towers, with statistics of each task's own",
        shorthand="normalization",
    )
    activity_l2: float = option(
        0.0,
        STRENGTH,
        "strength of L2 on what the shared layers put out",
        search=_STRONG,
    )
    activity_l2_tower: float | dict[str, float] = option(
        0.0,
        Each(STRENGTH),
        "strength of L2 on what the towers put out, in their task's loss",
        search=_STRONG,
    )
    decorrelation: dict[str, Any] | None = option(
        None,
        Table(
            {"strength": STRENGTH, "form": Choice(("decov", "vicreg"))},
            {"form": "decov"},
            "strength",
        ),
        "strength of the penalty on covariances of the shared features",
    )
    film: bool = option(
        False,
        Switch(),
        "scale and shift the shared features for each task (FiLM)",
        couples=True,
    )
    roaming: dict[str, Any] | None = option(
        None,
        Table(
            {"share": Number(positive=True, below=1.0), "every": Integer(1)},
            {"every": 1},
            "share",
        ),
        "share of the last shared units that a task reads; it swaps one in some epochs",
        couples=True,
    )
    funnel: dict[str, Any] | None = option(
        None,
        Table({"tasks": Texts(), "strength": STRENGTH}, {"strength": 0.6}),
        "{ tasks = [first, ..., last] }: a later stage is not likelier",
        couples=True,
    )
    label_smoothing: float | dict[str, float] = option(
        0.0,
        Each(RATE),
        "share of a label that goes to all classes alike",
        search=Range(0.0, 0.2),
    )
    calibrated: tuple[str, ...] = option(
        (),
        TaskNames(),
        "tasks whose probabilities are used as such: what bends them is refused",
    )
    focusing: float | dict[str, float] = option(
        0.0,
        Each(STRENGTH),
        "power of the focal loss, for tasks with classes",
        search=Range(0.0, 3.0),
    )
    confidence_penalty: float | dict[str, float] = option(
        0.0,
        Each(STRENGTH),
        "strength of the penalty on certain predictions",
        search=Range(1e-3, 1.0, log=True),
    )
    ema: float = option(
        0.0,
        RATE,
        "momentum of a moving average that replaces the weights",
        search=Range(0.9, 0.999),
    )
    loss_weights: float | dict[str, float] = option(
        1.0,
        Each(Number(positive=True)),
        "factor of each task's loss, before balancing, or { task = ... }",
        couples=True,
        search=Range(0.2, 5.0, log=True),
    )
    clip_task_gradients: float = option(
        0.0,
        STRENGTH,
        "largest norm of a task's gradient of the shared layers",
        couples=True,
        search=Range(0.1, 10.0, log=True),
    )
    adaptive_clipping: float = option(
        0.0,
        STRENGTH,
        "largest gradient of a unit, as a share of its weights' norm (AGC)",
        search=Range(1e-3, 0.1, log=True),
    )
    gradient_noise: float = option(
        0.0,
        STRENGTH,
        "variance of the noise on the first gradient; it fades",
        search=Range(1e-4, 1.0, log=True),
    )
    mixup: float = option(
        0.0,
        STRENGTH,
        "α of the Beta that rows are mixed in pairs by, for all tasks alike",
        search=Range(0.1, 1.0, log=True),
    )
    mixup_at: str = option(
        "inputs",
        Choice(("inputs", "hidden")),
        "where mixup mixes: hidden for a random shared layer or the inputs",
    )
    r_drop: float = option(
        0.0,
        STRENGTH,
        "strength of the agreement of two passes under different dropout (R-Drop)",
        search=Range(0.1, 5.0, log=True),
    )
    distillation: dict[str, Any] | None = option(
        None,
        Table(
            {
                "label_share": RATE,
                "annealing": Switch(),
                "temperature": Number(positive=True),
            },
            {"label_share": 0.5, "annealing": False, "temperature": 1.0},
            "label_share",
        ),
        "share of the labels beside what the tasks' own networks say of the rows",
        couples=True,
    )
    mean_teacher: dict[str, Any] | None = option(
        None,
        Table(
            {
                "strength": Number(positive=True),
                "momentum": RATE,
                "ramp_up_steps": Integer(1),
            },
            {"momentum": 0.99, "ramp_up_steps": 200},
            "strength",
        ),
        "strength of the agreement with the average of past weights, on all rows",
    )
    pseudo_labels: dict[str, Any] | None = option(
        None,
        Table(
            {"strength": Number(positive=True), "threshold": RATE},
            {"threshold": 0.95},
            "strength",
        ),
        "strength of the loss of rows without a label that the network is sure of",
    )
    vat: dict[str, Any] | None = option(
        None,
        Table(
            {"strength": Number(positive=True), "radius": Number(positive=True)},
            {"radius": 1.0},
            "strength",
        ),
        "strength of the same answer along the worst direction of the numbers (VAT)",
    )
    input_gradient: float = option(
        0.0,
        STRENGTH,
        "strength of the penalty on a loss's gradient by the numbers of the table",
        search=Range(1e-4, 1.0, log=True),
    )
    jacobian: float = option(
        0.0,
        STRENGTH,
        "strength of the penalty on an output's Jacobian by the numbers of the table",
        search=Range(1e-4, 1.0, log=True),
    )
    pruning: dict[str, Any] | None = option(
        None,
        Table(
            {"sparsity": Number(positive=True, below=1.0), "end": RATE},
            {"end": 0.5},
            "sparsity",
        ),
        "share of each kernel's weights set to zero, the smallest, bit by bit",
    )
    self_paced: dict[str, Any] | None = option(
        None,
        Table(
            {"start": Number(positive=True, below=1.0), "end": RATE},
            {"end": 0.5},
            "start",
        ),
        "share of the rows, the easiest of each task, to begin with; it rises to 1",
    )
    sharpness: dict[str, Any] | None = option(
        None,
        Table(
            {
                "radius": Number(positive=True),
                "adaptive": Switch(),
                "per_task": Switch(),
            },
            {"adaptive": False, "per_task": False},
            "radius",
        ),
        "radius of SAM; { radius, adaptive = true } for ASAM, per_task = true by task",
    )
    task_early_stopping: dict[str, Any] | None = option(
        None,
        Table(
            {"patience": Integer(1), "resume": STRENGTH}, {"resume": 0.005}, "patience"
        ),
        "epochs without a better validation loss after which a task pauses",
        couples=True,
    )
    sharing: dict[str, Any] | None = option(
        None,
        Named("sharing"),
        'which layers tasks share: "hard", "mmoe", { name = "ple", ... }',
        couples=True,
    )
    balancer: dict[str, Any] | None = option(
        None,
        Named("balancer"),
        'how task gradients are combined: "equal", "pcgrad", { name = ... }',
        couples=True,
    )
    task_structure: dict[str, Any] | None = option(
        None,
        Named("task_structure"),
        'penalty that couples the heads: { name = "l21", ... }',
        couples=True,
    )

    def alone(self) -> "Settings":
        """Return what of the options matters to a network with one task."""
        plain = Settings()
        coupling = [name for name, one in options(self).items() if one.couples]
        return replace(self, **{name: getattr(plain, name) for name in coupling})

    def to_dict(self) -> dict[str, Any]:
        """Return the options that differ from the default, as written in a file."""
        return changed(self)
