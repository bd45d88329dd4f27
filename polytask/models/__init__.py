"""`MultiTaskModel` and what belongs to it."""

import keras

from polytask.models.multi_task_model import MultiTaskModel

__all__ = ["MultiTaskModel"]

# Files of HDF5 name a class without its package.
keras.saving.get_custom_objects()["MultiTaskModel"] = MultiTaskModel
