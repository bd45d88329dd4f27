"""The penalties of `polytask.regularizers` in NumPy, double precision."""
