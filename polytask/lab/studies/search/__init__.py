"""Search for the settings of a study's networks, by Optuna and lanes."""
