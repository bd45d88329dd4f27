"""The examples in docstrings run and print what they say."""

import doctest
import importlib
import pkgutil

import keras
import pytest

import polytask

OTHER = {"jax", "tensorflow", "torch"} - {keras.backend.backend()}
LEFT_OUT = {f"polytask.training.{part}{b}" for b in OTHER for part in ("", "native.")}
MODULES = sorted(
    {module.name for module in pkgutil.walk_packages(polytask.__path__, "polytask.")}
    - LEFT_OUT
    - {"polytask.__main__"}
)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_every_module_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    found = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert found.failed == 0
