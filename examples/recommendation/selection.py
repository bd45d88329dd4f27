"""Which features a network kept, and what leaving out the others saves."""

import tempfile
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
from rows import Catalog

import polytask

ROWS = 8192


def kept_features(model: Any, catalog: Catalog) -> dict[str, Any]:
    """Return the features with a weight other than zero.

    Args:
        model: A trained network.
        catalog: The features.

    Returns:
        `linear`: task → name → weight in the task's linear part. `factors`: names of
        the features that shape the factors, which all tasks share. `columns`: how many
        features there are. `read`: the columns of users and films that any of these
        needs, a product both of its own; `inputs`: how many there are.
    """
    inputs = [*catalog.user_names, *catalog.item_names]
    tables = _names(catalog)
    shown = {name: _shown(model, name, names) for name, names in tables.items()}
    names = [name for table in shown.values() for name in table]
    linear = {}
    for task in model.task_names:
        weights = _weights(model, f"{task}_linear")[:, 0]
        linear[task] = {
            name: round(float(w), 4)
            for name, w in zip(names, weights, strict=True)
            if w != 0
        }
    factors = [
        name
        for side in ("user", "item")
        if (columns := shown[f"{side}_features"])
        for name, row in zip(
            columns, _weights(model, f"{side}_features_to_factors"), strict=True
        )
        if np.any(row != 0)
    ]
    used = [name for task in linear.values() for name in task] + factors
    return {
        "linear": linear,
        "factors": factors,
        "columns": sum(map(len, tables.values())),
        "read": sorted({part for name in used for part in name.split(" × ")}),
        "inputs": len(inputs),
    }


def columns_read(model: Any, catalog: Catalog) -> dict[str, list[int]]:
    """Return input → positions of the columns that a trained network reads.

    Of the products all are taken of which both columns are read.

    Args:
        model: A trained network.
        catalog: The features.
    """
    read = set(kept_features(model, catalog)["read"])
    return {
        table: [i for i, name in enumerate(names) if read >= {*name.split(" × ")}]
        for table, names in _names(catalog).items()
    }


def _names(catalog: Catalog) -> dict[str, list[str]]:
    return {
        "user_features": catalog.user_names,
        "item_features": catalog.item_names,
        "cross_features": catalog.cross_names,
    }


def _shown(model: Any, table: str, names: list[str]) -> list[str]:
    """Return the columns of a table that a network was built to read."""
    layers = {layer.name: layer for layer in model.layers}
    if "user_features_read" not in layers and "item_features_read" not in layers:
        return names
    chosen = layers.get(f"{table}_read")
    return [] if chosen is None else [names[i] for i in chosen.indices]


def _weights(model: Any, layer: str) -> np.ndarray:
    return keras.ops.convert_to_numpy(model.get_layer(layer).kernel)


def savings(model: Any, x: dict[str, np.ndarray]) -> dict[str, Any]:
    """Return size and speed before and after `polytask.compact`.

    Args:
        model: A trained network.
        x: Inputs, of which the first 8,192 rows are predicted.

    Returns:
        Parameters, bytes of the `.keras` file, milliseconds a batch (median of 15, the
        two networks in turn), dimensions of the embeddings, and the largest difference
        of a prediction.
    """
    x = {name: values[:ROWS] for name, values in x.items()}
    small = polytask.compact(model)
    networks = {"before": model, "after": small}
    milliseconds: dict[str, list[float]] = {name: [] for name in networks}
    for round_ in range(16):
        for name, network in networks.items():
            start = time.perf_counter()
            network.predict_on_batch(x)
            if round_:  # The first one compiles.
                milliseconds[name].append(1000 * (time.perf_counter() - start))
    before, after = (network.predict_on_batch(x) for network in networks.values())
    found: dict[str, Any] = {
        "difference": max(float(np.abs(before[t] - after[t]).max()) for t in before)
    }
    for name, network in networks.items():
        found[name] = {
            "parameters": int(network.count_params()),
            "bytes": _file_size(network),
            "milliseconds": float(np.median(milliseconds[name])),
            "dimensions": _dimensions(network),
        }
    return found


def _dimensions(network: Any) -> int:
    layers = {layer.name: layer for layer in network.layers}
    table = layers.get("user_factors")
    return 0 if table is None else int(table.output_dim)


def _file_size(network: Any) -> int:
    # Without the optimizer, which only training needs.
    plain = keras.Model(network.input, network.output)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "network.keras"
        plain.save(file)
        return file.stat().st_size
