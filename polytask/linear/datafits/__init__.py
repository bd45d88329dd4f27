"""The smooth losses of the linear estimators: value, gradient, curvature."""
