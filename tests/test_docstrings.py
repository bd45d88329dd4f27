"""The examples in docstrings run and print what they say."""

import doctest
import importlib
import pkgutil

import keras
import pytest

import polytask
import polytask_options

OTHER = {"jax", "tensorflow", "torch"} - {keras.backend.backend()}
MODULES = sorted(
    name
    for package in (polytask, polytask_options)
    for _, name, _ in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    # Modules of another backend, such as `replicas_torch`: it may not be installed.
    if not OTHER & set(name.rpartition(".")[2].split("_"))
    and name != "polytask.__main__"
)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_every_module_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    found = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert found.failed == 0
