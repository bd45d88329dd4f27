"""The studies of RegMTL: arms, ranges and budgets, as `protocol.md` fixes them."""

import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from polytask.lab.studies import Study, Variant
from polytask.lab.studies.recommended import recommended

#: Updates that a training may take, from which its epochs follow.
UPDATES = 700
BATCH = 32
EPOCHS = (20, 80)
PATIENCE = 15

# Networks that differ in knobs alone are lanes of one program: these are cheap.
FIRST_ARMS = """
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
[variants.l1_l2]
title = "L1 and L2"
elastic_net = { l1 = 1e-4, l2 = 1e-3 }
"""
FIXED_WEIGHTS = """
[variants.fixed_weights]
title = "Tuned weights of the tasks"
"""
#: The arms of this program, which every data set has.
FIRST = (*tomllib.loads(FIRST_ARMS)["variants"], "fixed_weights")
FIRST_RANGES = """
learning_rate = { low = 1e-3, high = 2e-2, log = true }
l1 = { low = 1e-6, high = 1e-2, log = true }
l2 = { low = 1e-5, high = 1e-1, log = true }
weight_decay = { low = 1e-3, high = 3.0, log = true }
elastic_net.l1 = { low = 1e-6, high = 1e-2, log = true }
elastic_net.l2 = { low = 1e-5, high = 1e-1, log = true }
"""

# Each is a program of its own.
OTHER_ARMS = """
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
# A knob that is no lane's gets few values, as each is compiled by itself.
OTHER_RANGES = """
group_lasso = { low = 1e-5, high = 1e-1, log = true }
noise_input = [0.1, 0.3, 0.6]
sharpness = [0.02, 0.05, 0.2]
task_structure.strength = { low = 1e-5, high = 1e-1, log = true }
regularizer.strength = { low = 1e-5, high = 1e-1, log = true }
"""

#: Arms of the inventory that need a task with classes.
OF_CLASSES = ("label_smoothing", "confidence_penalty", "focal_loss")
#: Data sets on which they are compared: pictures, ratings, texts with missing labels.
INVENTORIED = ("digits", "movielens", "fdu")

SMOOTHING = """
[variants.label_smoothing]
title = "Label smoothing"
label_smoothing = 0.1
"""
SMOOTHING_RANGE = "label_smoothing = [0.02, 0.05, 0.1]\n"

CONSTANT = '[baselines]\nnetworks = []\nmodels = ["constant"]\n'
# What single-task models of other kinds try.
SETTINGS = """
[baselines.linear]
strength = [0.1, 1.0, 10.0]
[baselines.trees]
learning_rate = [0.1]
max_leaf_nodes = [7, 31]
[baselines.svm]
C = [1.0, 10.0, 100.0]
gamma = ["scale"]
[baselines.lightgbm]
n_estimators = [100]
learning_rate = [0.1]
num_leaves = [7, 31]
"""

BALANCERS = ("equal", "nash_mtl", "upgrad", "famo")
_REGULARIZED = {
    "none": "",
    "decay": "weight_decay = 0.1\n",
    "dropout": "dropout_trunk = 0.3\n",
}
BALANCED_RANGES = """
learning_rate = { low = 1e-3, high = 2e-2, log = true }
weight_decay = { low = 1e-3, high = 3.0, log = true }
"""

#: Weights of the tasks' losses that an arm may draw, and between what they lie.
WEIGHTINGS, WEIGHTS = 64, (0.2, 5.0)


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
    "inventory": ["none", "max_norm"],
    "balancers": ["none", "famo_none"],
    "alone": ["none", "ema"],
    "default": ["default"],
}

#: Data sets on which balancers are compared.
BALANCED = ("enb", "jura", "school", "sarcos")
#: Parts that some data sets have.
ONLY = {"balancers": BALANCED, "inventory": INVENTORIED, "alone": INVENTORIED}

#: From so many tasks on, LightGBM stands for all boosted trees.
MANY_TASKS = 7


@dataclass(frozen=True)
class Table:
    """The rows of a study.

    Args:
        name: Of the data set.
        file: Its rows.
        kinds: Target → kind of task.
        rows: How many rows there are.
    """

    name: str
    file: Path
    kinds: Mapping[str, str]
    rows: int

    @property
    def has_classes(self) -> bool:
        """Whether a task has classes."""
        return any(kind != "regression" for kind in self.kinds.values())

    def study(self, part: str, effort: Effort, *text: str) -> Study:
        """Return a study of these rows.

        Args:
            part: What its name ends in, "" for that of the regularizers.
            effort: How much is spent.
            *text: TOML of baselines, variants and `[tuning]`, in this order.
        """
        name = f"regmtl-{self.name}{part}"
        tasks = "".join(f'"{task}" = "{kind}"\n' for task, kind in self.kinds.items())
        head = f"""name = "{name}"
[data]
file = "{self.file.name}"
[tasks]
{tasks}[network]
trunk = [64, 64]
towers = [16]
[budget]
epochs = {epochs(self.rows, effort.updates)}
batch_size = {BATCH}
patience = {PATIENCE}
repeats = {effort.repeats}
margin = 0.5
"""
        return Study.parse("".join([head, *text]), name, self.file.parent)


def regularizers(table: Table, effort: Effort) -> Study:
    """Return the study of the regularizers, with single-task models of all kinds."""
    tasks = len(table.kinds)
    # With many tasks, their own networks are most of the work.
    alone = '["none", "decay_dropout"]' if tasks <= 8 else '["none"]'
    models = ["constant", "linear", "svm", "lightgbm"]
    if tasks < MANY_TASKS:
        models.append("trees")
    weights = _weightings(table.kinds)
    return table.study(
        "",
        effort,
        f"[baselines]\nnetworks = {alone}\nmodels = {json.dumps(models)}\n",
        SETTINGS,
        FIRST_ARMS,
        f"{FIXED_WEIGHTS}loss_weights = {weights[0]}\n",
        OTHER_ARMS,
        SMOOTHING if table.has_classes else "",
        f"[tuning]\ndraws = {effort.draws}\n",
        FIRST_RANGES,
        f"loss_weights = [{', '.join(weights)}]\n",
        OTHER_RANGES,
        SMOOTHING_RANGE if table.has_classes else "",
    )


def inventory(table: Table, effort: Effort) -> Study:
    """Return the study of the rest of the inventory."""
    text = _written("inventory", effort)
    study = table.study("-inventory", effort, CONSTANT, *text)
    names = [variant.name for variant in study.variants]
    if not table.has_classes:
        names = [name for name in names if name not in OF_CLASSES]
    return study.narrowed(names)


def alone(table: Table, effort: Effort) -> Study:
    """Return the study of the inventory's arms that are no lanes."""
    return table.study("-alone", effort, CONSTANT, *_written("alone", effort))


def default(table: Table, effort: Effort) -> Study:
    """Return the study of the default of `polytask fit`, which is not tuned.

    Blurred numbers, which `fit` tries on its rows, are left out.
    """
    recipe = recommended(round(0.6 * table.rows), classes=table.has_classes)
    study = table.study("-default", effort, CONSTANT, "[variants.none]\n")
    variant = Variant("default", "Default of `polytask fit`", recipe.settings)
    return replace(
        study,
        network=recipe.network,
        budget=recipe.budget,
        variants=(variant,),
        plain=None,
    )


def balancers(table: Table, effort: Effort) -> Study:
    """Return the study of the balancers."""
    arms = []
    for balancer in BALANCERS:
        for arm, options in _REGULARIZED.items():
            equal = balancer == "equal"
            variant = arm if equal else f"{balancer}_{arm}"
            named = "" if equal else f'balancer = "{balancer}"\n'
            arms.append(f"[variants.{variant}]\n{options}{named}")
    tuning = f"[tuning]\ndraws = {effort.draws}\n{BALANCED_RANGES}"
    return table.study("-balancers", effort, CONSTANT, *arms, tuning)


#: Part of the study → what makes it.
PARTS: dict[str, Callable[[Table, Effort], Study]] = {
    "regularizers": regularizers,
    "inventory": inventory,
    "alone": alone,
    "default": default,
    "balancers": balancers,
}


def _written(name: str, effort: Effort) -> tuple[str, str]:
    """Return the arms of a file, and the table of what they draw.

    Args:
        name: Of the file.
        effort: How many draws there are.
    """
    text = Path(__file__).with_name(f"{name}.toml").read_text(encoding="utf-8")
    arms, ranges = text.split("[tuning]\n")
    return arms, f"[tuning]\ndraws = {effort.draws}\n{ranges}"


def epochs(rows: int, updates: int) -> int:
    """Return how many epochs take about so many updates.

    Args:
        rows: Of the data set, of which three fifths train.
        updates: Wanted.
    """
    batches = max(1, int(0.6 * rows) // BATCH)
    fewest, most = EPOCHS
    return min(most, max(min(fewest, updates), round(updates / batches)))


def _weightings(tasks: Mapping[str, str]) -> list[str]:
    """Return weights of the tasks' losses drawn at random, as TOML, the equal first."""
    random = Random(0)
    low, high = WEIGHTS
    drawn = [
        {task: low * (high / low) ** random.random() for task in tasks}
        for _ in range(WEIGHTINGS - 1)
    ]
    return [
        "{ " + ", ".join(f'"{task}" = {w:.3f}' for task, w in weights.items()) + " }"
        for weights in [dict.fromkeys(tasks, 1.0), *drawn]
    ]
