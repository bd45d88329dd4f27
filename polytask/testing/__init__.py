"""Contract tests that a layer or a balancer written elsewhere can inherit."""

from polytask.testing.balancer_contract import BalancerContract as BalancerContract
from polytask.testing.layer_contract import LayerContract as LayerContract
