"""Times of training steps, side by side: each competitor in a process of its own."""
