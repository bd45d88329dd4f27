"""The metrics of the literature, for each task."""

import numpy as np
from face_data import SUBJECTS, Rows

from polytask.lab.kinds import is_labeled

# Task → its primary metric.
METRICS = {
    "face": "accuracy",
    "box": "iou",
    "landmarks": "error",
    "identity": "accuracy",
    "gender": "accuracy",
    "smile": "accuracy",
    "glasses": "accuracy",
    "pose": "accuracy",
}
FAILURE = 0.1


def scores(
    predicted: dict[str, dict[str, np.ndarray]], rows: Rows
) -> dict[str, dict[str, float]]:
    """Return task → metric → value over the rows of all sources.

    Args:
        predicted: Source → task → output of the network.
        rows: Source → (pictures, labels).
    """
    found: dict[str, dict[str, float]] = {}
    for task in METRICS:
        pairs = []
        for source, (_, labels) in rows.items():
            if task in labels and task in predicted[source]:
                there = is_labeled(labels[task])
                pairs.append((labels[task][there], predicted[source][task][there]))
        if pairs:
            truth, output = (
                np.concatenate(parts) for parts in zip(*pairs, strict=True)
            )
            found[task] = _of_task(task, truth, output)
    return found


def _of_task(task: str, truth: np.ndarray, output: np.ndarray) -> dict[str, float]:
    if task == "landmarks":
        errors = landmark_errors(truth, output)
        failures = float(np.mean(errors > FAILURE))
        return {"error": float(errors.mean()), "failure_rate": failures}
    if task == "box":
        return {"iou": float(np.mean(box_iou(truth, output)))}
    if task == "identity":
        right = output.argmax(axis=1) == truth
        olivetti = truth < SUBJECTS
        apart = {"olivetti": right[olivetti].mean(), "youtube": right[~olivetti].mean()}
        return {
            "accuracy": float(np.mean(list(apart.values()))),
            **{f"accuracy {name}": float(value) for name, value in apart.items()},
        }
    guess = output.argmax(axis=1) if output.shape[1] > 1 else output[:, 0] > 0.5
    return {"accuracy": float(np.mean(guess == truth))}


def landmark_errors(truth: np.ndarray, output: np.ndarray) -> np.ndarray:
    """Return each face's mean distance of its points, over the inter-ocular distance.

    Args:
        truth: Points of shape (faces, 10): x and y of the left eye, the right eye, ...
        output: As `truth`.
    """
    true = truth.reshape(-1, 5, 2)
    distances = np.linalg.norm(true - output.reshape(-1, 5, 2), axis=2)
    eyes = np.linalg.norm(true[:, 0] - true[:, 1], axis=1)
    errors: np.ndarray = distances.mean(axis=1) / eyes
    return errors


def box_iou(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the intersection over union of boxes x0, y0, x1, y1, pair by pair."""
    low = np.maximum(first[:, :2], second[:, :2])
    high = np.minimum(first[:, 2:], second[:, 2:])
    common = np.clip(high - low, 0, None).prod(axis=1)
    areas = sum(
        np.clip(b[:, 2:] - b[:, :2], 0, None).prod(axis=1) for b in (first, second)
    )
    shares: np.ndarray = common / (areas - common)
    return shares
