"""Separate towers that may drift apart."""

from typing import Any

from polytask._export import polytask_export
from polytask.knob import to_config
from polytask.regularizers.structures.graph_laplacian import GraphLaplacian


@polytask_export("polytask.regularizers.SoftSharing")
class SoftSharing(GraphLaplacian):
    """(λ/2) Σ_(s<t) ‖θ_s - θ_t‖²: towers of equal shape, close unless data object.

    Args:
        strength: λ, at least 0. Defaults to 0.01; from 1e-4 up.

    Raises:
        UserError: If the strength is negative or not finite.

    Source:
        Duong, Cohn, Bird and Cook, "Low Resource Dependency Parsing: Cross-lingual
        Parameter Sharing in a Neural Network Parser", ACL 2015.

    Example:
        >>> from keras import ops
        >>> w = SoftSharing(1.0).prox(ops.array([[0.0, 6.0]]), step=1.0)
        >>> [round(x, 4) for x in ops.convert_to_numpy(w)[0].tolist()]
        [2.0, 4.0]
    """

    def __init__(self, strength: float = 0.01) -> None:
        super().__init__(strength, edges="complete")

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"strength": to_config(self.strength)}
