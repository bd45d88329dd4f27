"""Parkinsons: structures that go beyond a convex penalty of weights.

    python examples/parkinsons/structures.py --data-dir DIR [--splits N] [--out DIR]

Each patient's recordings are split at random, 75 % for training, as in `parkinsons.py`;
methods, grids and the choice of options are those of School's official splits.
"""

import sys
from pathlib import Path

from parkinsons import load

sys.path.append(str(Path(__file__).parents[1] / "school"))
from official_splits import run
from protocol import Rows, split

SHARE = 0.75


def read(folder: Path | None, number: int) -> tuple[Rows, Rows, list, list]:
    """Return inputs and scores of each patient, with its training and test rows."""
    xs, ys = load(folder)
    # The splits of `parkinsons.py` are counted from 0.
    return xs, ys, *split(ys, SHARE, number - 1)


if __name__ == "__main__":
    run(read, __doc__, "parkinsons_structures", splits=5)
