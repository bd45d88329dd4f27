"""Which way a metric should go, by its name."""

#: Name of a usual metric → whether a higher value is better.
HIGHER_IS_BETTER = {
    "acc": True,
    "accuracy": True,
    "auc": True,
    "f1": True,
    "hit_rate": True,
    "iou": True,
    "kappa": True,
    "ndcg": True,
    "precision": True,
    "r2": True,
    "recall": True,
    "crossentropy": False,
    "deviance": False,
    "ece": False,
    "error": False,
    "failure_rate": False,
    "log_loss": False,
    "loss": False,
    "mae": False,
    "mse": False,
    "rmse": False,
}


def higher_is_better(name: str) -> bool | None:
    """Return whether a higher value of a metric is better.

    Args:
        name: A usual name; words may precede it and a cutoff may follow, as in
            `"val_click_auc"` or `"ndcg@10"`.

    Returns:
        The direction, or None if the name does not tell it.

    Example:
        >>> higher_is_better("ndcg@10"), higher_is_better("val_rating_loss")
        (True, False)
        >>> higher_is_better("temperature") is None
        True
    """
    words = name.partition("@")[0].split("_")
    for start in range(len(words)):
        known = HIGHER_IS_BETTER.get("_".join(words[start:]))
        if known is not None:
            return known
    return None
