import os

# One thread for each compute library: the suite runs in two processes.
for variable in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

# First: it chooses the backend where only one is installed.
import polytask  # noqa: F401

# isort: split
import keras
import pytest


@pytest.fixture(autouse=True)
def fixed_seed():
    keras.utils.set_random_seed(0)


def pytest_report_header():
    return f"keras {keras.__version__}, backend {keras.backend.backend()}"
