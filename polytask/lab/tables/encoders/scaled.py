"""Missing numbers filled with the median, then standardized."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Scaled:
    """What scikit-learn learned about one column of numbers.

    Args:
        median: Fills missing numbers (`SimpleImputer`).
        mean: Mean of the filled training rows (`StandardScaler`).
        scale: Their standard deviation; 0 means that they do not vary, infinite that
            they are too large for it.
    """

    median: float
    mean: float
    scale: float

    @classmethod
    def fit(cls, numbers: np.ndarray) -> "Scaled":
        """Learn from float64 numbers of shape (rows,), NaN where missing."""
        # Imported here: half a second that reading a table can do without.
        from sklearn.impute import SimpleImputer
        from sklearn.preprocessing import StandardScaler

        if np.isnan(numbers).all():
            return cls(0.0, 0.0, 0.0)
        imputer = SimpleImputer(strategy="median")
        filled = imputer.fit_transform(numbers[:, None])
        with np.errstate(over="ignore"):
            scaler = StandardScaler().fit(filled)
        scale = float(scaler.scale_[0]) if filled.min() < filled.max() else 0.0
        if not np.isfinite(scaler.var_[0]):
            # scikit-learn takes an overflowed variance for that of a constant.
            scale = np.inf
        return cls(float(imputer.statistics_[0]), float(scaler.mean_[0]), scale)

    @property
    def varies(self) -> bool:
        """Whether the training rows had more than one value."""
        return self.scale > 0

    def transform(self, numbers: np.ndarray) -> np.ndarray:
        """Return the filled, standardized numbers, float32 of shape (rows,)."""
        filled = np.where(np.isnan(numbers), self.median, numbers)
        with np.errstate(over="ignore"):
            scaled: np.ndarray = ((filled - self.mean) / self.scale).astype(np.float32)
        return scaled
