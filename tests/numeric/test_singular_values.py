"""Decompositions of kernels: gradients, and the lanes of a study."""

import keras
import numpy as np
import pytest

from polytask.numeric.prox.singular_values import nuclear_norm, thin_svd

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="lanes are of JAX"
)

KERNELS = np.random.default_rng(0).normal(size=(3, 6, 4)).astype("float32")


def _decompositions(jaxpr):
    """Yield the shapes that are decomposed, wherever in a program that is."""
    import jax

    for equation in jaxpr.eqns:
        if equation.primitive.name in ("svd", "qr", "geqrf", "eigh"):
            yield equation.invars[0].aval.shape
        for inner in jax.tree.leaves(equation.params, is_leaf=_is_program):
            if _is_program(inner):
                yield from _decompositions(getattr(inner, "jaxpr", inner))


def _is_program(value):
    return hasattr(value, "eqns") or hasattr(value, "jaxpr")


def test_the_matrices_of_a_batch_are_decomposed_one_after_the_other():
    # All at once, threads of a small pool wait for each other for good.
    import jax

    program = jax.make_jaxpr(jax.vmap(lambda w: thin_svd(keras.ops, w)))(KERNELS)
    shapes = set(_decompositions(program.jaxpr))
    assert shapes
    assert all(len(shape) == 2 for shape in shapes)


def test_lanes_have_the_trace_norm_and_the_gradient_that_each_has_alone():
    import jax

    def norm(w):
        return nuclear_norm(keras.ops, w)

    values, gradients = jax.vmap(jax.value_and_grad(norm))(KERNELS)
    u, s, vt = np.linalg.svd(KERNELS, full_matrices=False)
    np.testing.assert_allclose(values, s.sum(axis=1), rtol=1e-5)
    np.testing.assert_allclose(gradients, u @ vt, atol=1e-5)
