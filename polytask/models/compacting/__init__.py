"""How columns of weights travel through a model, and how to leave some out."""
