"""One decorator that both publishes a class and makes it loadable by Keras."""

from typing import TypeVar

import keras

PACKAGE = "polytask"

# Every published object, by its public path; the tests walk it.
EXPORTS: dict[str, type] = {}

Exported = TypeVar("Exported", bound=type)


class polytask_export:  # noqa: N801 - used as a decorator, like keras_export
    """Publish a class under `path` and register it for Keras saving.

    The class is stored in `.keras` files as `polytask>ClassName`; that key stays
    valid forever, so a rename keeps the old one registered.

    Args:
        path: Public dotted path, such as `"polytask.balancing.NashMTL"`.
    """

    def __init__(self, path: str) -> None:
        self.path = path

    def __call__(self, cls: Exported) -> Exported:
        """Register `cls` and return it unchanged."""
        EXPORTS[self.path] = cls
        registered: Exported = keras.saving.register_keras_serializable(
            package=PACKAGE
        )(cls)
        return registered
