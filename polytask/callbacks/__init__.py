"""Callbacks that show what Keras's own do not know of."""

from polytask.callbacks.conflict_monitor import ConflictMonitor as ConflictMonitor
