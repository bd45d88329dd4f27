"""Hard constraints: sets onto which weights are projected."""
