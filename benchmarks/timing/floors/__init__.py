"""The floor in each framework."""
