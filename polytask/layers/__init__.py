"""Layers that Keras does not have."""

from polytask.layers.decorrelation_penalty import DecorrelationPenalty
from polytask.layers.orthogonality_penalty import OrthogonalityPenalty
from polytask.layers.select_columns import SelectColumns

__all__ = ["DecorrelationPenalty", "OrthogonalityPenalty", "SelectColumns"]
