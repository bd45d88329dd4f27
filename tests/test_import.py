"""What `import polytask` loads, and what waits until it is used."""

import importlib
import subprocess
import sys

import keras
import pytest

import polytask

# Packages that only the parts loaded later need.
PACKAGES = ["jinja2", "pandas", "pyarrow", "rich", "sklearn"]


@pytest.mark.one_backend
def test_importing_the_package_loads_keras_and_numpy_only():
    program = f"""
import sys
import keras

# What Keras itself found installed and took does not count.
for name in {PACKAGES}:
    sys.modules.pop(name, None)

import polytask
loaded = {{".".join(name.split(".")[:2]) for name in sys.modules}}
parts = ("lab", "linear", "meta", "testing")
late = {{*(f"polytask.{{part}}" for part in parts), *{PACKAGES}}}
print(sorted(loaded & late))
"""
    words = [sys.executable, "-c", program]
    found = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert found.strip() == "[]"


@pytest.mark.parametrize("name", ["lab", "linear", "meta", "testing"])
def test_the_other_parts_load_when_used(monkeypatch, name):
    monkeypatch.delattr(polytask, name, raising=False)
    assert name in dir(polytask)
    assert getattr(polytask, name) is importlib.import_module(f"polytask.{name}")


def test_the_model_of_a_table_loads_when_used():
    assert "TabularModel" in dir(polytask)
    assert polytask.TabularModel.__module__ == "polytask.lab.tabular_model"


def test_a_part_that_does_not_exist_is_no_attribute():
    with pytest.raises(AttributeError, match="'polytask' has no attribute 'labor'"):
        _ = polytask.labor


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="settings of JAX")
def test_the_suite_chooses_how_to_compile_before_jax_is_imported():
    import jax

    assert jax.config.jax_persistent_cache_min_compile_time_secs == 0
