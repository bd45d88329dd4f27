"""Exact solvers for a smooth loss plus a convex penalty."""
