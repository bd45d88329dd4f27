"""A short name for the exact content of a data set."""

import hashlib
from collections.abc import Mapping

import numpy as np
import pandas as pd


def fingerprint(frame: pd.DataFrame, rows: Mapping[str, np.ndarray]) -> str:
    """Return a SHA-256 of column names, cells and the split.

    Args:
        frame: Inputs and labels.
        rows: Part → row numbers.

    Returns:
        64 hexadecimal digits, the same on every machine.
    """
    digest = hashlib.sha256()
    for name in frame.columns:
        digest.update(repr(str(name)).encode("utf-8", "surrogatepass"))
        column = frame[name]
        if column.dtype == object:
            column = column.map(str)
        hashes = pd.util.hash_pandas_object(column, index=False)
        digest.update(hashes.to_numpy().astype("<u8").tobytes())
    for part, numbers in rows.items():
        digest.update(part.encode())
        digest.update(numbers.astype("<i8").tobytes())
    return digest.hexdigest()
