"""The network, the regularization and the training of `fit` without options."""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TypeVar

import numpy as np

from polytask.lab.studies.inputs import numeric_columns
from polytask.lab.tables import Dataset
from polytask_options import Budget, Network, Settings

Value = TypeVar("Value", int, float)

EFFORTS = ("quick", "good", "best")

# Steps of the optimizer for tables of up to so many training rows.
_STEPS = ((20_000, 2_000), (100_000, 6_000))
_MOST_STEPS = 10_000
_FEWEST_EPOCHS, _MOST_EPOCHS = 5, 150

# Rows of a batch for tables of up to so many training rows.
_BATCHES = ((1_000, 32), (3_000, 64), (10_000, 128), (200_000, 256))
_LARGEST_BATCH = 1024

# Bins of a number for tables of up to so many training rows.
_BINS = ((5_000, 32),)
_MOST_BINS = 64

# Values of a number that repeats them: of up to so many, each is an edge of a bin.
_VALUES = 128

# The power of their losses by which tasks are divided, for tables of up to so many
# training rows.
_POWERS = ((5_000, 1.0),)
_LEAST_POWER = 0.5

# So many numbers may tell the same several times over, as pixels do: blurred by noise
# of so many standard deviations they still tell it.
_MANY_NUMBERS = 40
_BLUR = 0.5

_QUICK_SHARE = 0.4
_MEMBERS = 4


@dataclass(frozen=True)
class Recipe:
    """What a network is made of and how it is trained.

    Args:
        network: Widths and embedding.
        budget: Epochs, batches and learning rate.
        settings: The regularization.
    """

    network: Network
    budget: Budget
    settings: Settings


def recommended(rows: int, effort: str = "good", classes: bool = False) -> Recipe:
    """Return what suits a table of mixed columns; `docs/default.md` says what it does.

    Every number becomes a learned vector of its place among the training rows'
    quantiles, which lets a network follow the jumps that trees follow. One wide trunk
    is shared by all tasks. Decoupled decay, dropout, a moving average of the weights
    and smoothed labels regularize it; tasks descend the logarithms of their losses, so
    that one with a small error is not forgotten, or, in large tables, the roots, so
    that it does not drown the others. The learning rate falls along a cosine, and the
    chosen number of epochs is trained once more on training and validation rows
    together.

    Args:
        rows: Number of training rows.
        effort: `"quick"`, fewer steps on a smaller trunk; `"good"`; or `"best"`, the
            mean of four networks of `"good"`.
        classes: Whether a task has classes, whose labels can be smoothed.

    Returns:
        The network, its regularization and its training.

    Source:
        Gorishniy, Rubachev, Babenko, "On Embeddings for Numerical Features in Tabular
        Deep Learning", NeurIPS 2022; Kadra, Lindauer, Hutter, Grabocka, "Well-tuned
        Simple Nets Excel on Tabular Datasets", NeurIPS 2021; Holzmüller, Grinsztajn,
        Steinwart, "Better by Default: Strong Pre-Tuned MLPs and Boosted Trees on
        Tabular Data", NeurIPS 2024.

    Example:
        >>> recommended(1_000).budget.epochs
        64
    """
    batch = _step_of(_BATCHES, rows, _LARGEST_BATCH)
    wanted = _step_of(_STEPS, rows, _MOST_STEPS)
    quick = effort == "quick"
    if quick:
        wanted = round(_QUICK_SHARE * wanted)
    steps = max(1, rows // batch)
    epochs = min(_MOST_EPOCHS, max(_FEWEST_EPOCHS, wanted // steps))
    network = Network(
        trunk=(128, 128) if quick else (256, 256, 256),
        towers=(),
        embedding="piecewise_linear",
        embedding_bins=_step_of(_BINS, rows, _MOST_BINS),
        embedding_values=_VALUES,
    )
    budget = Budget(
        epochs=epochs,
        batch_size=batch,
        learning_rate=2e-3,
        schedule="cosine",
        patience=max(10, epochs // 3),
        refit=True,
        calibrate=classes,
        members=_MEMBERS if effort == "best" else 1,
    )
    settings = Settings(
        dropout_trunk=0.1,
        weight_decay=0.5,
        ema=0.99,
        label_smoothing=0.05 if classes else 0.0,
        balancer={"name": "log", "power": _step_of(_POWERS, rows, _LEAST_POWER)},
    )
    return Recipe(network, budget, settings)


def blurred(recipe: Recipe, dataset: Dataset) -> Recipe:
    """Return what may suit classes told by many numbers, such as pixels, better.

    The numbers enter as they are, with noise of half their standard deviation, so that
    no column is learned by heart.

    Args:
        recipe: Of `recommended`.
        dataset: The rows.

    Returns:
        The recipe itself, if fewer than 40 columns are embedded, or a target has no
        classes: noise blurs a number that is to be foretold.

    Source:
        Bishop, "Training with Noise is Equivalent to Tikhonov Regularization", Neural
        Computation 1995.

    Example:
        >>> from polytask.lab.tables import bundled
        >>> blurred(recommended(202), bundled("digits")).network.embedding
        'none'
    """
    x = dataset.train.x
    numbers = numeric_columns(x, recipe.network)
    classes = all(task.rules.has_classes for task in dataset.tasks)
    if len(numbers) < _MANY_NUMBERS or not classes:
        return recipe
    noise = _BLUR * float(np.sqrt(x[:, numbers].var(axis=0).mean()))
    return replace(
        recipe,
        network=replace(recipe.network, embedding="none"),
        settings=replace(recipe.settings, noise_input=round(noise, 3)),
    )


def shortened(budget: Budget) -> Budget:
    """Return a budget that tells which of two recipes is the better one."""
    epochs = max(1, round(_QUICK_SHARE * budget.epochs))
    return replace(budget, epochs=epochs, refit=False, calibrate=False, members=1)


def _step_of(ladder: tuple[tuple[int, Value], ...], rows: int, last: Value) -> Value:
    """Return the value of the first rung that has room for the rows."""
    return next((value for most, value in ladder if rows <= most), last)


# Of one core of a CPU: to compile a step, to begin one, and operations in a second.
_COMPILING, _BEGINNING, _SPEED = 6.0, 3e-3, 3e10


def estimated_seconds(
    rows: int, features: int, network: Network, budget: Budget
) -> float:
    """Return about how long one core of a CPU trains, if no epoch is spared.

    Args:
        rows: Number of training rows.
        features: Columns of the design matrix.
        network: Widths and embedding.
        budget: Epochs, batches, members, refit.

    Example:
        >>> recipe = recommended(1_000)
        >>> 10 < estimated_seconds(1_000, 20, recipe.network, recipe.budget) < 60
        True
    """
    batch = min(budget.batch_size, rows)
    embedded = network.embedding != "none"
    widths = [features * (network.embedding_units if embedded else 1), *network.trunk]
    weights = sum(a * b for a, b in pairwise(widths))
    # A pass forward and one back twice as long, two operations a weight and row.
    step = _BEGINNING + 6 * weights * batch / _SPEED
    training = _COMPILING + budget.epochs * (rows // batch) * step
    return budget.members * training * (2 if budget.refit else 1)
