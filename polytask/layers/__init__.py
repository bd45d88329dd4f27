"""Layers that Keras does not have."""

from polytask.layers.select_columns import SelectColumns

__all__ = ["SelectColumns"]
