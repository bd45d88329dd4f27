"""Nash-MTL in a plain PyTorch loop: no Keras layer anywhere.

KERAS_BACKEND=torch python examples/native/torch_loop.py
"""

import torch

from polytask import balancing
from polytask.training.native.torch import multitask_backward

torch.manual_seed(0)
x = torch.randn(512, 16)
y = {"click": (x[:, 0] > 0).float(), "rating": 10 * (x[:, 1] - x[:, 0])}

trunk = torch.nn.Sequential(torch.nn.Linear(16, 32), torch.nn.ReLU())
heads = torch.nn.ModuleDict({task: torch.nn.Linear(32, 1) for task in y})
optimizer = torch.optim.Adam([*trunk.parameters(), *heads.parameters()], lr=0.01)
balancer = balancing.NashMTL()

for step in range(201):
    h = trunk(x)
    output = {task: head(h)[:, 0] for task, head in heads.items()}
    losses = {
        "click": torch.nn.functional.binary_cross_entropy_with_logits(
            output["click"], y["click"]
        ),
        "rating": torch.nn.functional.mse_loss(output["rating"], y["rating"]),
    }
    optimizer.zero_grad()
    own = {task: head.parameters() for task, head in heads.items()}
    weights = multitask_backward(
        losses, trunk.parameters(), own, balancer=balancer, representation=h
    )
    optimizer.step()
    if step % 50 == 0:
        values = {task: round(float(loss), 3) for task, loss in losses.items()}
        print(step, values, "weights", [round(float(w), 3) for w in weights])
