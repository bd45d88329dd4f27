"""Nash-MTL in a `tf.GradientTape` loop, compiled by `tf.function`.

KERAS_BACKEND=tensorflow python examples/native/tensorflow_loop.py
"""

import tensorflow as tf

from polytask import balancing
from polytask.training.native.tensorflow import multitask_gradients

tf.random.set_seed(0)
x = tf.random.normal((512, 16))
y = {"click": tf.cast(x[:, 0] > 0, tf.float32), "rating": 10 * (x[:, 1] - x[:, 0])}

trunk = tf.Variable(tf.random.normal((16, 32)) / 4)
heads = {task: tf.Variable(tf.random.normal((32, 1)) / 6) for task in y}
balancer = balancing.NashMTL()
balancer.build(2, tuple(y))


@tf.function
def step(rate):
    with tf.GradientTape(persistent=True) as tape:
        h = tf.nn.relu(x @ trunk)
        output = {task: (h @ head)[:, 0] for task, head in heads.items()}
        click = tf.nn.sigmoid_cross_entropy_with_logits(y["click"], output["click"])
        losses = {
            "click": tf.reduce_mean(click),
            "rating": tf.reduce_mean((output["rating"] - y["rating"]) ** 2),
        }
    (direction,), own = multitask_gradients(
        tape,
        losses,
        [trunk],
        {task: [head] for task, head in heads.items()},
        balancer=balancer,
        representation=h,
    )
    trunk.assign_sub(rate * direction)
    for task, head in heads.items():
        head.assign_sub(rate * own[task][0])
    return losses


for index in range(201):
    losses = step(0.02)
    if index % 50 == 0:
        print(index, {task: round(float(loss), 3) for task, loss in losses.items()})
