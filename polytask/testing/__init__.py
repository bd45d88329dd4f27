"""Contract tests for layers, balancers and regularizers written elsewhere."""

from polytask.testing.balancer_contract import BalancerContract as BalancerContract
from polytask.testing.layer_contract import LayerContract as LayerContract
from polytask.testing.regularizer_contract import (
    RegularizerContract as RegularizerContract,
)
