"""Every pair of golden_prox.json, the catalogue's own reference values."""

import json
from pathlib import Path

import numpy as np
import pytest
from keras import ops

from polytask import regularizers
from polytask.linear import MultiTaskRegressor

FILE = Path(__file__).parent / "golden_prox.json"
WHOLE = {"groups": "all", "scale_by_size": False}

# Heading in the file → the regularizer of a case and the step.
MAKERS = {
    "prox_l1": lambda case: regularizers.L1(case["tau"]),
    "prox_group_l2": lambda case: regularizers.GroupLasso(case["tau"], **WHOLE),
    "prox_l21_rows": lambda case: regularizers.L21(case["tau"]),
    "prox_nuclear": lambda case: regularizers.TraceNorm(case["tau"]),
    "prox_l1inf_rows": lambda case: regularizers.L1Inf(case["tau"]),
    "prox_exclusive_rows (tau/2)(sum|w|)^2": lambda case: regularizers.ExclusiveLasso(
        case["tau"]
    ),
    "prox_elastic_net l1=l2=1 (l2/2 w^2)": lambda case: regularizers.ElasticNet(1, 1),
    "mean_regularised (lam/2)sum||w_t-wbar||^2": lambda case: (
        regularizers.MeanRegularized(case["lam"], ridge=case.get("ridge_mu", 0.0))
    ),
    "graph_laplacian (lam/2)tr(WLW')": lambda case: regularizers.GraphLaplacian(
        case["lam"], edges=case["edges"]
    ),
    "metric_group_prox": lambda case: regularizers.GroupLasso(case["lam"], **WHOLE),
    "MCP lam=1 gamma=3 step 1": lambda case: regularizers.MCP(1.0, gamma=3.0),
    "SCAD lam=1 a=3.7 step 1": lambda case: regularizers.SCAD(1.0, a=3.7),
}
SKLEARN = "multitask_lasso sklearn alpha=1/3 X=I3"
CONTENT = json.loads(FILE.read_text(encoding="utf-8"))
CASES = [
    pytest.param(heading, case, id=f"{heading.split()[0]}-{index}")
    for heading, cases in CONTENT.items()
    if heading != SKLEARN
    for index, case in enumerate(cases)
]


def test_every_heading_of_the_file_is_tested():
    assert {*MAKERS, SKLEARN} == set(CONTENT)


@pytest.mark.parametrize(("heading", "case"), CASES)
def test_the_prox_gives_the_value_of_the_file(heading, case):
    w = np.array(case["v"], "float32")
    # Vectors stand for one row of a stack where a row is what the penalty couples.
    rows = w if w.ndim == 2 or heading.startswith(("MCP", "SCAD")) else w[None]
    metric = np.array(case["D"], "float32")[None] if "D" in case else None
    found = MAKERS[heading](case).prox(rows, 1.0, metric)
    expected = np.array(case["out"]).reshape(rows.shape)
    np.testing.assert_allclose(ops.convert_to_numpy(found), expected, atol=2e-5)


def test_the_multi_task_lasso_on_an_identity_design_gives_the_value_of_the_file():
    [case] = CONTENT[SKLEARN]
    model = MultiTaskRegressor("l21", strength=1 / 3, fit_intercept=False, tol=1e-10)
    model.fit(np.eye(3), np.array(case["Y"]))
    np.testing.assert_allclose(model.coef_.T, case["coef_T"], atol=1e-6)
