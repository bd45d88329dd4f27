"""What the examples share; each of them is a program of its own folder."""
