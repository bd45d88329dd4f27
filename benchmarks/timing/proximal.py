"""The step of a `MultiTaskModel` with a penalty that acts by its prox."""

import polytask
from polytask.regularizers import L1, L21, GroupLasso, TraceNorm
from timing import keras_networks
from timing.keras_steps import Run, compile_model, fit_steps
from timing.network import Network

# Strengths of use in practice; the time does not depend on them.
ON_TRUNK = {"l1": lambda: L1(1e-4), "group_lasso": lambda: GroupLasso(1e-4)}
ON_HEADS = {"l21": lambda: L21(1e-3), "trace_norm": lambda: TraceNorm(1e-3)}


def proximal_step(network: Network, penalty: str) -> Run:
    """Return the step with a penalty on the hidden layers, or one on the heads."""
    hidden = {"kernel_regularizer": ON_TRUNK[penalty]()} if penalty in ON_TRUNK else {}
    structure = ON_HEADS[penalty]() if penalty in ON_HEADS else None
    model = polytask.MultiTaskModel(*keras_networks.build(network, **hidden))
    compile_model(model, network, balancer="equal", task_structure=structure)
    return fit_steps(model, keras_networks.batch(network))
