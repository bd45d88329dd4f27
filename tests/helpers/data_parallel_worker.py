"""Train with all rows on one device, and with parts of them on two; compare.

Run as `data_parallel_worker.py SCENARIO [RANK FILE]`; prints the largest difference of
weights and losses as JSON. The test file starts it in a process of its own.
"""

import json
import sys

import keras
import numpy as np

from polytask import MultiTaskModel, balancing

BACKEND = keras.backend.backend()
ROWS, BATCH, EPOCHS = 64, 16, 2


def table():
    """Return rows whose labels are missing more in one half of each batch."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS, 6)).astype("float32")
    y = {"a": x[:, 0] + 1.0, "b": 5.0 * x[:, 1], "c": 3.0 * x[:, 2] - x[:, 0]}
    place = np.arange(ROWS) % BATCH
    y["a"] = np.where((place >= 8) & (place < 14), np.nan, y["a"])
    # Task b has no label at all in the second half of a batch.
    y["b"] = np.where(place >= 8, np.nan, y["b"])
    return x, {task: values.astype("float32") for task, values in y.items()}


def options():
    """Return scenario → arguments of `compile`."""
    adam = keras.optimizers.Adam
    return {
        "mgda": {"balancer": "mgda", "optimizer": adam(0.01)},
        "one_row": {"balancer": "nash_mtl", "jacobian": "one_row"},
        "representation": {"balancer": balancing.IMTLG(on="representation")},
        "halves": {"balancer": balancing.MoDo(learning_rate=0.02)},
        "moco": {"balancer": "moco", "clip_task_gradients": 1.0},
        "famo": {"balancer": balancing.FAMO(reuse_next_loss=False)},
        "every": {
            "balancer": balancing.MGDA(update_every=2),
            "optimizer": keras.optimizers.SGD(0.01, momentum=0.9),
        },
    }


def trained(scenario, part=slice(None), rows=BATCH):
    """Return weights and reported losses after training on part of each batch."""
    keras.utils.set_random_seed(0)
    x_in = keras.Input((6,))
    h = keras.layers.Dense(8, "tanh", kernel_regularizer=keras.regularizers.L1(1e-3))(
        x_in
    )
    outputs = {
        t: keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L2(1e-2))(h)
        for t in "abc"
    }
    model = MultiTaskModel(x_in, outputs)
    given = options()[scenario]
    given.setdefault("optimizer", keras.optimizers.SGD(0.01))
    model.compile(loss="mse", **given)
    x, y = table()
    order = np.arange(ROWS).reshape(-1, BATCH)[:, part].reshape(-1)
    history = model.fit(
        x[order],
        {task: values[order] for task, values in y.items()},
        batch_size=rows,
        epochs=EPOCHS,
        shuffle=False,
        verbose=0,
    )
    return [*model.get_weights(), np.array(history.history["loss"])]


def difference(a, b):
    return float(max(np.abs(p - q).max() for p, q in zip(a, b, strict=True)))


def on_jax(scenarios):
    import jax

    assert len(jax.devices()) == 2
    alone = [trained(s) for s in scenarios]
    keras.distribution.set_distribution(keras.distribution.DataParallel())
    return [difference(a, trained(s)) for a, s in zip(alone, scenarios, strict=True)]


def on_tensorflow(scenarios):
    import tensorflow as tf

    cpu = tf.config.list_physical_devices("CPU")[0]
    logical = tf.config.LogicalDeviceConfiguration()
    tf.config.set_logical_device_configuration(cpu, [logical, logical])
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    found = []
    for scenario in scenarios:
        alone = trained(scenario)
        with strategy.scope():
            found.append(difference(alone, trained(scenario)))
    return found


def on_torch(scenarios, rank, file):
    import torch

    alone = [trained(s) for s in scenarios]
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{file}", rank=rank, world_size=2
    )
    half = slice(8 * rank, 8 * rank + 8)
    found = [
        difference(a, trained(s, half, 8))
        for a, s in zip(alone, scenarios, strict=True)
    ]
    found.append(native_difference(rank))
    torch.distributed.destroy_process_group()
    return found


def native_difference(rank):
    """Return the same for the native entry point, with a wrapped module."""
    import torch

    from polytask.training.native.torch import multitask_backward

    x, y = table()
    x, y = x[:BATCH], {task: values[:BATCH] for task, values in y.items()}

    def gradients(rows, wrap):
        torch.manual_seed(0)
        trunk = torch.nn.Linear(6, 4)
        heads = {task: torch.nn.Linear(4, 1) for task in y}
        module = torch.nn.parallel.DistributedDataParallel(trunk) if wrap else trunk
        for _ in range(2):
            h = module(torch.tensor(x[rows]))
            losses, counts = {}, []
            for task, head in heads.items():
                error = head(h)[:, 0] - torch.nan_to_num(torch.tensor(y[task][rows]))
                there = torch.tensor(~np.isnan(y[task][rows])).float()
                counts.append(there.sum())
                losses[task] = (there * error**2).sum() / there.sum().clamp(min=1)
            for parameter in trunk.parameters():
                parameter.grad = None
            multitask_backward(
                losses,
                trunk.parameters(),
                {task: head.parameters() for task, head in heads.items()},
                balancer="nash_mtl",
                representation=h,
                counts=torch.stack(counts),
            )
        parameters = [*trunk.parameters(), *heads["a"].parameters()]
        return [p.grad.numpy() for p in parameters]

    shared = gradients(slice(8 * rank, 8 * rank + 8), wrap=True)
    plain = torch.distributed.is_initialized
    torch.distributed.is_initialized = lambda: False
    try:
        alone = gradients(slice(None), wrap=False)
    finally:
        torch.distributed.is_initialized = plain
    return difference(alone, shared)


if __name__ == "__main__":
    chosen = sys.argv[1].split(",")
    if BACKEND == "torch":
        result = on_torch(chosen, int(sys.argv[2]), sys.argv[3])
    else:
        result = {"jax": on_jax, "tensorflow": on_tensorflow}[BACKEND](chosen)
    print(json.dumps(result))
