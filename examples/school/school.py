"""Exam scores of 139 schools: what each task structure of a linear model brings.

    python examples/school/school.py --data-dir DIR [--quick] [--out DIR]

`DIR` holds `school.mat` (139 tasks, 15,362 pupils, 28 inputs), or a folder `school`
with it. protocol.py says how it is measured.
"""

import sys
from pathlib import Path

from protocol import Method, Problem, Rows, run

SOURCE = "https://github.com/jiayuzhou/MALSAR/blob/master/data/school.mat"


def load(folder: Path | None) -> tuple[Rows, Rows]:
    """Return the inputs and scores of each school."""
    hint = (
        f"Download school.mat from {SOURCE} (cite Goldstein 1991; no license is "
        "stated, so it does not come with polytask) and pass its folder:\n"
        "    python examples/school/school.py --data-dir DIR"
    )
    if folder is None:
        sys.exit(f"--data-dir is missing. {hint}")
    places = [folder / "school.mat", folder / "school" / "school.mat"]
    file = next((place for place in places if place.is_file()), None)
    if file is None:
        sys.exit(f"There is no {places[0]}. {hint}")
    from scipy.io import loadmat

    cells = loadmat(file)
    xs = [x.astype(float) for x in cells["X"].ravel()]
    ys = [y.ravel().astype(float) for y in cells["Y"].ravel()]
    return xs, ys


SCHOOL = Problem(
    name="school",
    title="School: weighted RMSE of 139 tasks (lower is better)",
    shares=(0.30, 0.75),
    methods=(
        Method("single-task ridge", "ridge", 1e-4, (12.45, 10.83)),
        Method("lasso", "lasso", 1e-2, (10.83, 10.19)),
        Method("L2,1", "l21", 1e-2, (10.52, 10.08)),
        Method("mean-regularized", "mean_regularized", 1e-4, (10.55, 10.11)),
        Method("trace norm", "trace_norm", 1e-2, (10.36, 9.93)),
    ),
    load=load,
)

if __name__ == "__main__":
    run(SCHOOL, __doc__)
