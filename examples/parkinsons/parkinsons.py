"""42 patients with Parkinson's disease: one linear model each, and what they share.

    python examples/parkinsons/parkinsons.py --data-dir DIR [--quick] [--out DIR]

`DIR` holds `parkinsons_updrs.data[.gz]`, or a folder `parkinsons` with it. A task is a
patient; the motor UPDRS score of a recording follows from 19 inputs: age, sex, time
since the start, and 16 measures of the voice. The protocol is that of the School
example.
"""

import sys
from pathlib import Path

import pandas as pd

from polytask.regularizers import Clustered, SparseLowRank

sys.path.append(str(Path(__file__).parents[1] / "school"))
from protocol import Method, Problem, Rows, run

SOURCE = "https://archive.ics.uci.edu/dataset/189/parkinsons+telemonitoring"
FILE = "parkinsons_updrs.data"
TARGETS = ["motor_UPDRS", "total_UPDRS"]


def load(folder: Path | None) -> tuple[Rows, Rows]:
    """Return the inputs and motor UPDRS scores of each patient."""
    hint = (
        f"Download {FILE} from {SOURCE} (CC BY 4.0) and pass its folder:\n"
        "    python examples/parkinsons/parkinsons.py --data-dir DIR"
    )
    if folder is None:
        sys.exit(f"--data-dir is missing. {hint}")
    places = [
        folder / part / f"{FILE}{ending}"
        for part in ("", "parkinsons")
        for ending in ("", ".gz")
    ]
    file = next((place for place in places if place.is_file()), None)
    if file is None:
        sys.exit(f"There is no {places[0]}. {hint}")
    # The official file has commas; copies with tabs exist.
    frame = pd.read_csv(file, sep=r"[,\t]", engine="python")
    patients = [rows for _, rows in frame.groupby("subject#")]
    inputs = frame.columns.drop(["subject#", *TARGETS])
    return (
        [rows[inputs].to_numpy(float) for rows in patients],
        [rows["motor_UPDRS"].to_numpy(float) for rows in patients],
    )


PARKINSONS = Problem(
    name="parkinsons",
    title="Parkinsons: weighted RMSE of 42 patients (lower is better)",
    shares=(0.30, 0.75),
    methods=(
        Method("single-task ridge", "ridge", 1e-5, (None, None)),
        Method("lasso", "lasso", 1e-2, (None, None)),
        Method("L2,1", "l21", 1e-2, (None, None)),
        Method("mean-regularized", "mean_regularized", 1e-5, (None, None)),
        Method("trace norm", "trace_norm", 1e-2, (None, None)),
        Method(
            "low rank + sparse",
            SparseLowRank(1.0, outlier=0.3),
            1e-2,
            (None, 1.048),
        ),
        Method(
            "clustered",
            Clustered(5, 1.0),
            1e-5,
            (None, 1.041),
        ),
    ),
    load=load,
)

if __name__ == "__main__":
    run(PARKINSONS, __doc__)
