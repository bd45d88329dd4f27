"""The network, the regularization and the training of `fit` without options."""

from dataclasses import dataclass

from polytask_options import Budget, Network, Settings

# Steps of the optimizer, few enough to wait for and enough to settle.
_STEPS = {"quick": 1500, "good": 6000}
_WIDTHS = {"quick": (128, 128), "good": (256, 256, 256)}
_FEWEST_EPOCHS, _MOST_EPOCHS = 5, 300

# Rows of a batch for tables of up to so many training rows.
_BATCHES = ((1_000, 32), (3_000, 64), (10_000, 128), (200_000, 256))
_LARGEST_BATCH = 1024


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


def recommended(rows: int, effort: str = "good") -> Recipe:
    """Return what suits a table of mixed columns, by its number of training rows.

    Every number becomes a learned vector of its place among the training rows'
    quantiles, which lets a network follow the jumps that trees follow; one wide trunk
    is shared by all tasks and regularized by dropout and decoupled decay; the learning
    rate falls along a cosine, and the chosen number of epochs is trained once more on
    training and validation rows together.

    Args:
        rows: Number of training rows.
        effort: `"quick"`, a quarter of the steps on a smaller trunk, or `"good"`.

    Returns:
        The recipe.

    Source:
        Gorishniy, Rubachev, Babenko, "On Embeddings for Numerical Features in Tabular
        Deep Learning", NeurIPS 2022; Holzmüller, Grinsztajn, Steinwart, "Better by
        Default: Strong Pre-Tuned MLPs and Boosted Trees on Tabular Data", NeurIPS 2024.

    Example:
        >>> recommended(1_000).budget.epochs
        193
    """
    batch = next((size for most, size in _BATCHES if rows <= most), _LARGEST_BATCH)
    steps = max(1, rows // batch)
    epochs = min(_MOST_EPOCHS, max(_FEWEST_EPOCHS, _STEPS[effort] // steps))
    network = Network(trunk=_WIDTHS[effort], towers=(), embedding="piecewise_linear")
    budget = Budget(
        epochs=epochs,
        batch_size=batch,
        learning_rate=2e-3,
        schedule="cosine",
        patience=max(20, epochs // 3),
        refit=True,
    )
    return Recipe(network, budget, Settings(dropout_trunk=0.1, weight_decay=0.03))
