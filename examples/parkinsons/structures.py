"""Parkinsons: structures that go beyond a convex penalty of weights.

    python examples/parkinsons/structures.py --data-dir DIR [--splits N] [--out DIR]

Each patient's recordings are split at random, 75 % for training, as in `parkinsons.py`;
methods, grids and the choice of options are those of School's official splits. The
measures of one voice are so alike that the stages of concave penalties are solved to a
looser tolerance, and roots of squares are left out.
"""

import sys
from dataclasses import replace
from pathlib import Path

from parkinsons import load
from sklearn.base import clone

sys.path.append(str(Path(__file__).parents[1] / "school"))
from official_splits import METHODS, run
from protocol import Rows, split

SHARE = 0.75
CONCAVE = (
    "capped L1 of rows (MSMTFL)",
    "log-sum",
    "MCP",
    "SCAD",
    "Lq, q = 1/2",
    "multi-level lasso",
    "multiplicative, p = 2, k = 1",
)


def read(folder: Path | None, number: int) -> tuple[Rows, Rows, list, list]:
    """Return inputs and scores of each patient, with its training and test rows."""
    xs, ys = load(folder)
    # The splits of `parkinsons.py` are counted from 0.
    return xs, ys, *split(ys, SHARE, number - 1)


if __name__ == "__main__":
    compared = tuple(
        replace(method, estimator=clone(method.estimator).set_params(tol=1e-3))
        if method.title in CONCAVE
        else method
        for method in METHODS
        if method.title != "L2,1, calibrated"
    )
    run(read, __doc__, "parkinsons_structures", splits=5, methods=compared)
