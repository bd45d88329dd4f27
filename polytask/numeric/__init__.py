"""Small dense convex problems (T x T), exact, in bounded iterations."""
