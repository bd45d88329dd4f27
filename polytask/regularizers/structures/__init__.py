"""Penalties that couple the weights of several tasks."""
