"""Measure the structures in linear models, on School and on Parkinsons."""

import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import results
from catalogue import Technique
from sklearn.exceptions import ConvergenceWarning

from polytask import regularizers
from polytask.errors import UserError
from polytask.linear import MultiTaskRegressor

EXAMPLES = Path(__file__).parents[2] / "examples"
sys.path += [str(EXAMPLES / "school"), str(EXAMPLES / "parkinsons")]
import protocol  # noqa: E402
from parkinsons import PARKINSONS  # noqa: E402
from school import SCHOOL  # noqa: E402

PROBLEMS = {"school": SCHOOL, "parkinsons": PARKINSONS}
SHARE = 0.30
SPLITS = range(5)


def measure(
    name: str, data_dir: Path | None, techniques: list[Technique], seconds: float
) -> None:
    """Measure the techniques that have no stored result yet.

    Five random splits with 30 % of each task's rows for training; λ / λ_max is chosen
    from 12 values by three-fold cross-validation.

    Args:
        name: `"school"` or `"parkinsons"`.
        data_dir: The folder with the data.
        techniques: What to measure.
        seconds: CPU seconds after which no further technique is begun.
    """
    xs, ys = PROBLEMS[name].load(data_dir)
    stored = results.read(name)
    stored["about"] = {
        "tasks": len(xs),
        "inputs": xs[0].shape[1],
        "rows": sum(map(len, ys)),
        "share": SHARE,
        "splits": len(SPLITS),
    }
    start = time.process_time()
    if "none" not in stored["rows"]:
        stored["rows"]["none"] = [_least_squares(xs, ys, seed) for seed in SPLITS]
    for technique in techniques:
        if technique.linear is None or technique.name in stored["rows"]:
            continue
        if time.process_time() - start > seconds:
            break
        stored["rows"][technique.name] = _rows(technique, xs, ys)
        results.write(name, stored)
        print(name, technique.name, f"{time.process_time() - start:.0f} s", flush=True)


def _rows(technique: Technique, xs: list, ys: list) -> list[dict[str, Any]]:
    structure = _structure(technique.linear)
    try:
        structure.lambda_max(np.ones((2, 2), "float32"))
        smallest = 1e-2
    except UserError:
        # Never all zero, so the ratio counts from the largest curvature instead.
        smallest = 1e-5
    method = protocol.Method(technique.title, structure, smallest, ())
    found = []
    for seed in SPLITS:
        try:
            row = protocol.measure(method, xs, ys, SHARE, seed, quick=True)
        except ConvergenceWarning as warning:
            return [{"failed": str(warning)}]
        found.append(_rounded(row))
    return found


def _structure(linear: Any) -> Any:
    if isinstance(linear, str):
        return regularizers.get(linear)
    options = {key: value for key, value in linear.items() if key != "name"}
    return regularizers.get(linear["name"], **options)


def _least_squares(xs: list, ys: list, seed: int) -> dict[str, Any]:
    """Return the errors without any penalty."""
    train, test = protocol.split(ys, SHARE, seed)
    inputs = protocol.standardized(xs, train)
    model = MultiTaskRegressor(None)
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        model.fit(
            *([v[i] for v, i in zip(s, train, strict=True)] for s in (inputs, ys))
        )
    row = {"seconds": time.process_time() - start}
    for key, rows in (("error", test), ("training_error", train)):
        x, y = ([v[i] for v, i in zip(s, rows, strict=True)] for s in (inputs, ys))
        row[key] = protocol.weighted_rmse(y, model.predict(x))
    row.update(zeros=float(np.mean(model.coef_ == 0)), ratio=0.0)
    return _rounded(row)


def _rounded(row: dict[str, Any]) -> dict[str, Any]:
    kept = ("error", "training_error", "zeros", "ratio", "seconds")
    return {key: round(float(row[key]), 5) for key in kept}
