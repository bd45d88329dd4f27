"""Olivetti: ten pictures of each of 40 persons."""

import io
from pathlib import Path

import numpy as np

from examples.datasets.official_files import official_files
from examples.datasets.pictures import PictureRows, PictureSet
from polytask.errors import UserError
from polytask.lab.tables.fetch import DataEntry, fetch

SIZE = 64
EACH = 10
# Files of the same pictures differ in their bytes: MATLAB compresses them anew. So of
# one's own the shape is checked instead of a checksum; what is downloaded has one.
(FILE,) = official_files("olivetti")


def load_olivetti(
    data_dir: str | Path | None = None, test: int = 3, seed: int = 0
) -> PictureSet:
    """Load the AT&T faces, 64 by 64 gray pixels, split within each person.

    Args:
        data_dir: A folder that holds `olivetti/olivettifaces.mat`, see
            `polytask.lab.tables.fetch`.
        test: Pictures of each person in the test part, 1 to 9.
        seed: Of the pictures drawn.

    Returns:
        Label `person`, 0 to 39.

    Raises:
        UserError: If `test` is out of range, or the file cannot be had or is damaged.

    Source:
        F. Samaria, A. Harter, 1994, "Parameterisation of a Stochastic Model for Human
        Face Identification".
    """
    if not 1 <= test < EACH:
        raise UserError(f"test is {test}; expected 1 to {EACH - 1} pictures.")
    pictures = _parse(fetch(OLIVETTI, data_dir)[FILE.name])
    person = np.repeat(np.arange(len(pictures) // EACH, dtype="int32"), EACH)
    random = np.random.default_rng(seed)
    order = np.concatenate(
        [EACH * p + random.permutation(EACH) for p in np.unique(person)]
    ).reshape(-1, EACH)
    names = tuple(
        f"person {p + 1}, picture {k + 1}"
        for p in np.unique(person)
        for k in range(EACH)
    )
    rows = PictureRows(pictures, {"person": person}, names)
    parts = (np.sort(order[:, test:].ravel()), np.sort(order[:, :test].ravel()))
    counts = dict(zip(("train", "test"), map(len, parts), strict=True))
    facts = {**OLIVETTI.about(), "seed": seed, "rows": counts}
    return PictureSet(rows.take(parts[0]), rows.take(parts[1]), facts)


def _parse(content: bytes) -> np.ndarray:
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        faces = loadmat(io.BytesIO(content))["faces"]
    except (LookupError, ValueError, TypeError, MatReadError, OSError) as error:
        raise UserError(f"{FILE.name} cannot be read: {error!r}") from error
    if faces.shape != (SIZE * SIZE, FILE.rows) or faces.dtype != np.uint8:
        raise UserError(
            f"{FILE.name} holds {faces.dtype} of shape {faces.shape}; expected uint8 "
            f"of shape {(SIZE * SIZE, FILE.rows)}."
        )
    pictures: np.ndarray = faces.T.reshape(-1, SIZE, SIZE).transpose(0, 2, 1)
    return np.ascontiguousarray(pictures)


OLIVETTI = DataEntry(
    name="olivetti",
    title="Olivetti (AT&T) faces",
    homepage="https://scikit-learn.org/stable/datasets/real_world.html",
    license="free to use; AT&T Laboratories Cambridge must be credited",
    license_url="https://cam-orl.co.uk/facedatabase.html",
    citation='F. Samaria, A. Harter (1994). "Parameterisation of a Stochastic Model '
    'for Human Face Identification". AT&T Laboratories Cambridge.',
    load=load_olivetti,
    # Where scikit-learn has it from, with the checksum that it names.
    url="https://ndownloader.figshare.com/files/5976027",
    archive=FILE.name,
    sha256="b612fb967f2dc77c9c62d3e1266e0c73d5fca46a4b8906c18e454d41af987794",
    folder="olivetti",
    files=(FILE,),
)
