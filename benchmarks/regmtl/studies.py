"""The studies of RegMTL: arms, ranges and budgets, as `protocol.md` fixes them."""

from dataclasses import dataclass
from pathlib import Path

from polytask.lab.studies import Study

#: Updates that a training may take, from which its epochs follow.
UPDATES = 700
BATCH = 32
EPOCHS = (20, 80)
PATIENCE = 15

# Arms whose networks differ in knobs alone come first: they are lanes of one program.
ARMS = """
[variants.none]
title = "No regularization"
[variants.l1]
title = "L1"
l1 = 1e-4
[variants.l2]
title = "L2"
l2 = 1e-3
[variants.decay]
title = "Decoupled weight decay"
weight_decay = 0.1
[variants.dropout_input]
title = "Dropout of the inputs"
dropout_input = 0.1
[variants.dropout_trunk]
title = "Dropout in the trunk"
dropout_trunk = 0.3
[variants.dropout_tower]
title = "Dropout in the towers"
dropout_tower = 0.3
[variants.decay_dropout]
title = "Decay and dropout in the trunk"
weight_decay = 0.1
dropout_trunk = 0.3
[variants.batch_norm]
title = "Batch normalization"
batch_norm = true
[variants.layer_norm]
title = "Layer normalization"
normalization_trunk = "layer"
normalization_tower = "layer"
[variants.l21_inputs]
title = "L2,1 on the inputs"
group_lasso = 1e-3
[variants.l21_heads]
title = "L2,1 on the heads"
task_structure = { name = "l21", strength = 1e-3 }
[variants.trace_norm]
title = "Trace norm of the heads"
task_structure = { name = "trace_norm", strength = 1e-3 }
[variants.mean]
title = "Heads near their mean"
task_structure = { name = "mean_regularized", strength = 1e-3 }
[variants.orthogonality]
title = "Orthogonality"
regularizer = { name = "orthogonality", strength = 1e-3 }
[variants.noise]
title = "Gaussian noise on the inputs"
noise_input = 0.1
[variants.sam]
title = "SAM"
sharpness = 0.05
"""

SMOOTHING = """
[variants.label_smoothing]
title = "Label smoothing"
label_smoothing = 0.1
"""

# A knob that is no lane's gets few values, as each is compiled by itself.
RANGES = """
[tuning]
draws = {draws}
learning_rate = {{ low = 1e-3, high = 2e-2, log = true }}
l1 = {{ low = 1e-6, high = 1e-2, log = true }}
l2 = {{ low = 1e-5, high = 1e-1, log = true }}
weight_decay = {{ low = 1e-3, high = 3.0, log = true }}
group_lasso = {{ low = 1e-5, high = 1e-1, log = true }}
task_structure = {{ strength = {{ low = 1e-5, high = 1e-1, log = true }} }}
regularizer = {{ strength = {{ low = 1e-5, high = 1e-1, log = true }} }}
noise_input = [0.1, 0.3, 0.6]
sharpness = [0.02, 0.05, 0.2]
"""
SMOOTHING_RANGE = "label_smoothing = [0.02, 0.05, 0.1]\n"

BALANCERS = ("equal", "nash_mtl", "upgrad", "famo")
_REGULARIZED = {
    "none": "",
    "decay": "weight_decay = 0.1\n",
    "dropout": "dropout_trunk = 0.3\n",
}
BALANCED_RANGES = """
[tuning]
draws = {draws}
learning_rate = {{ low = 1e-3, high = 2e-2, log = true }}
weight_decay = {{ low = 1e-3, high = 3.0, log = true }}
"""


@dataclass(frozen=True)
class Effort:
    """How much is spent on a data set.

    Args:
        draws: Random settings that each arm tries.
        repeats: Fresh splits, each with a seed of its own.
        updates: That a training may take.
    """

    draws: int = 16
    repeats: int = 10
    updates: int = UPDATES


#: What `--quick` spends, and on what.
QUICK = Effort(draws=1, repeats=2, updates=2)
QUICK_DATA = ("digits",)
QUICK_ROWS = 300
QUICK_ARMS = {
    "regularizers": ["none", "decay", "trace_norm"],
    "balancers": ["none", "famo_none"],
}

#: Data sets on which balancers are compared.
BALANCED = ("digits", "enb", "jura", "sarcos")


def regularizers(
    name: str, table: Path, kinds: dict[str, str], rows: int, effort: Effort
) -> Study:
    """Return the study of the regularizers on a data set.

    Args:
        name: Of the data set.
        table: Its rows, as a file.
        kinds: Target → kind of task.
        rows: How many rows there are.
        effort: How much is spent.
    """
    # With many tasks, their own networks are most of the work.
    alone = '["none", "decay_dropout"]' if len(kinds) <= 8 else '["none"]'
    classes = any(kind != "regression" for kind in kinds.values())
    text = [
        _head(f"regmtl-{name}", table, kinds, rows, effort),
        f"[baselines]\nnetworks = {alone}\n",
        ARMS,
        SMOOTHING if classes else "",
        RANGES.format(draws=effort.draws),
        SMOOTHING_RANGE if classes else "",
    ]
    return Study.parse("".join(text), f"regmtl-{name}", table.parent)


def balancers(
    name: str, table: Path, kinds: dict[str, str], rows: int, effort: Effort
) -> Study:
    """Return the study of the balancers; arguments as of `regularizers`."""
    text = [_head(f"regmtl-{name}-balancers", table, kinds, rows, effort)]
    text.append('[baselines]\nnetworks = []\nmodels = ["constant"]\n')
    for balancer in BALANCERS:
        for arm, options in _REGULARIZED.items():
            equal = balancer == "equal"
            variant = arm if equal else f"{balancer}_{arm}"
            named = "" if equal else f'balancer = "{balancer}"\n'
            text.append(f"[variants.{variant}]\n{options}{named}")
    text.append(BALANCED_RANGES.format(draws=effort.draws))
    return Study.parse("".join(text), f"regmtl-{name}-balancers", table.parent)


def _head(
    name: str, table: Path, kinds: dict[str, str], rows: int, effort: Effort
) -> str:
    tasks = "".join(f'"{task}" = "{kind}"\n' for task, kind in kinds.items())
    return f"""name = "{name}"
[data]
file = "{table.name}"
[tasks]
{tasks}[network]
trunk = [64, 64]
towers = [16]
[budget]
epochs = {epochs(rows, effort.updates)}
batch_size = {BATCH}
patience = {PATIENCE}
repeats = {effort.repeats}
margin = 0.5
"""


def epochs(rows: int, updates: int) -> int:
    """Return how many epochs take about so many updates.

    Args:
        rows: Of the data set, of which three fifths train.
        updates: Wanted.
    """
    batches = max(1, int(0.6 * rows) // BATCH)
    fewest, most = EPOCHS
    return min(most, max(min(fewest, updates), round(updates / batches)))
