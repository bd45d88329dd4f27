"""
Title: Regularized multi-task learning with Keras 3
Author: The polytask developers
Date created: 2026/11/24
Last modified: 2026/11/24
Description: Missing labels, dropout, exact zeros and balancing in one network.
Accelerator: None
"""

"""
## Introduction

A network with several outputs shares what its targets have in common. It also brings
new ways to fail: it overfits the target with few labels, the gradients of two targets
pull in opposite directions, and it is easy to call the result a success without having
trained the single-task networks it should beat.

This tutorial trains one network on three targets of the same small images, from labels
of which half are missing, and measures each step against single-task networks. It runs
in about a minute on two CPU cores, with JAX, TensorFlow or PyTorch:

```shell
pip install polytask[jax]
python docs/tutorials/regularized_multi_task_learning.py
```
"""

"""
## Setup

`polytask` is imported before Keras, because it chooses the backend where only one is
installed. With `--quick` the script makes one short run of everything.
"""

import sys

import polytask

# isort: split
import keras
import numpy as np

from polytask.lab.metrics import delta_m, seed_interval
from polytask.lab.tables import bundled

QUICK = "--quick" in sys.argv
SEEDS = range(1 if QUICK else 5)
EPOCHS = 2 if QUICK else 60

"""
## The data

1,797 images of handwritten digits that come with scikit-learn, 8 by 8 pixels. Three
targets: which digit it is, whether it is even, whether it is at least five. Half of the
training labels of each target are hidden, independently: `-1` marks a missing integer
label, `NaN` a missing float label. Nothing else has to be said about them: losses,
metrics and gradients of a `MultiTaskModel` leave these rows out, target by target.
"""

data = bundled("digits")
x_train, y_train = data.train.x, data.train.y
x_test, y_test = data.test.x, data.test.y
print({name: labels[:6].tolist() for name, labels in y_train.items()})

HEADS = {
    "digit": (10, "softmax"),
    "even": (1, "sigmoid"),
    "at_least_five": (1, "sigmoid"),
}
LOSSES = {
    "digit": "sparse_categorical_crossentropy",
    "even": "binary_crossentropy",
    "at_least_five": "binary_crossentropy",
}

"""
## One network per target, and one for all

The functional API as always. The one change is the class: `polytask.MultiTaskModel`
takes the outputs as a dict from target to tensor. Which layers are shared is read off
the graph. With one output the same function builds the single-task network, of the same
size.
"""


def build(targets, dropout=0.0, l1=0.0):
    inputs = keras.Input((64,))
    penalty = keras.regularizers.L1(l1) if l1 else None
    hidden = inputs
    for units in (128, 64):
        hidden = keras.layers.Dense(
            units, activation="relu", kernel_regularizer=penalty
        )(hidden)
        if dropout:
            hidden = keras.layers.Dropout(dropout, seed=units)(hidden)
    outputs = {}
    for target in targets:
        units, activation = HEADS[target]
        tower = keras.layers.Dense(32, activation="relu")(hidden)
        outputs[target] = keras.layers.Dense(units, activation=activation)(tower)
    return polytask.MultiTaskModel(inputs, outputs)


def train(targets, seed, balancer="equal", **options):
    keras.utils.set_random_seed(seed)
    model = build(targets, **options)
    model.compile(
        optimizer=keras.optimizers.Adam(3e-3),
        loss={target: LOSSES[target] for target in targets},
        metrics={target: ["accuracy"] for target in targets},
        balancer=balancer,
    )
    labels = {target: y_train[target] for target in targets}
    history = model.fit(x_train, labels, batch_size=32, epochs=EPOCHS, verbose=0)
    return model, history.history


def accuracies(model):
    labels = {target: y_test[target] for target in model.task_names}
    scores = model.evaluate(x_test, labels, verbose=0, return_dict=True)
    # With one target Keras calls its metric "accuracy", with several "<target>_...".
    return {
        target: scores.get(f"{target}_accuracy", scores.get("accuracy"))
        for target in model.task_names
    }


"""
The single-task networks come first: they are what every other network is measured by.
"""

single = []
for seed in SEEDS:
    scores = {}
    for target in HEADS:
        model, _ = train([target], seed)
        scores.update(accuracies(model))
    single.append(scores)

"""
Δm is the mean relative change against the single-task networks, in percent. One run
says little: the number is paired by seed and comes with its 95 % interval.
"""


def compare(name, runs):
    better = dict.fromkeys(HEADS, True)
    pairs = zip(runs, single, strict=True)
    interval = seed_interval([delta_m(ours, theirs, better) for ours, theirs in pairs])
    mean = {t: np.mean([run[t] for run in runs]) for t in HEADS}
    levels = ", ".join(f"{target} {value:.3f}" for target, value in mean.items())
    low, high = interval.low, interval.high
    print(f"{name:<28} Δm {interval.mean:+.2f} % [{low:+.2f}, {high:+.2f}]   {levels}")
    return interval


compare("single-task networks", single)
plain = [accuracies(train(HEADS, seed)[0]) for seed in SEEDS]
compare("one network", plain)

"""
## Dropout

The classic remedy against overfitting is a layer like any other.
"""

regularized = [accuracies(train(HEADS, seed, dropout=0.5)[0]) for seed in SEEDS]
gain = compare("one network, dropout 0.5", regularized)

"""
## L1, with exact zeros

In plain Keras, `L1` adds its gradient to the loss, and no weight ever becomes exactly
zero. A `MultiTaskModel` makes the proximal step of the penalty after each update, in
the metric of the optimizer: the same argument now selects. `sparsity()` says which
weights are zero and which inputs each target still reads, and `compact` returns a
smaller network with the same predictions.
"""

sparse, _ = train(HEADS, seed=0, l1=1e-3)
report = sparse.sparsity()
print(report)

small = polytask.compact(sparse)
before, after = sparse.predict(x_test, verbose=0), small.predict(x_test, verbose=0)
difference = max(float(np.abs(before[t] - after[t]).max()) for t in HEADS)
print(f"{sparse.count_params():,} parameters become {small.count_params():,}")
print(f"largest difference of a prediction: {difference:.1e}")

"""
## Balancing

When the gradients of two targets point in opposite directions, their sum helps neither.
A balancer combines them; it is one argument of `compile`. All gradients come from one
forward pass. The history then holds each target's weight and `conflict`, the share of
target pairs whose gradients have a negative cosine.
"""

_, history = train(HEADS, seed=0, balancer="upgrad")
for key in ("conflict", *(f"{target}_weight" for target in HEADS)):
    first, last = history[key][0], history[key][-1]
    print(f"{key:<22}{first:.2f} in the first epoch, {last:.2f} in the last")

balanced = [accuracies(train(HEADS, seed, balancer="upgrad")[0]) for seed in SEEDS]
compare("one network, UPGrad", balanced)

"""
## Data sets of their own

Often the labels are not merely missing: each target has a data set of its own.
`TaskMixture` makes batches from several; every batch holds each data set in its
proportion, so that batch statistics are those of the mixture, and `temperature` lifts
the share of the small ones.
"""

from polytask.training.task_mixture import TaskMixture

half = len(x_train) // 2
mixture = TaskMixture(
    {
        "first": (x_train[:half], {"digit": y_train["digit"][:half]}),
        "second": (x_train[half:], {"even": y_train["even"][half:]}),
    },
    batch_size=32,
    temperature=2.0,
)
keras.utils.set_random_seed(0)
model = build(["digit", "even"], dropout=0.5)
model.compile(
    "adam",
    loss={target: LOSSES[target] for target in ("digit", "even")},
    metrics={"digit": ["accuracy"], "even": ["accuracy"]},
)
model.fit(mixture, epochs=EPOCHS, verbose=0)
print(accuracies(model))

"""
## What to take from it

Whether one network beats several, and which regularizer makes it so, is a question
about your data. The same comparison, with validation data that chooses and a report to
read, is one command:

```shell
polytask compare digits --out runs/digits
polytask init table.csv && polytask compare study.toml
```
"""
