"""Contract tests that a layer written elsewhere can inherit."""

from polytask.testing.layer_contract import LayerContract as LayerContract
