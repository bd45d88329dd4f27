"""Penalties on one tensor of weights."""
