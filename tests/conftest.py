import functools
import os
from pathlib import Path

# One thread for each compute library: the suite runs in two processes.
for variable in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

# Many tests train the same network: JAX compiles it once for all tests, processes and
# later runs.
ROOT = Path(__file__).parents[1]
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(ROOT / ".pytest_cache" / "jax"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")

# First: it chooses the backend where only one is installed.
import polytask  # noqa: F401

# isort: split
import keras
import pytest

from tests.helpers.fast_compilation import compile_fast

if keras.backend.backend() == "jax":
    compile_fast()


#: Mark → the folders and files of which all tests have it (see pyproject.toml). The
#: laboratory reaches the backend through the model alone: what stays for each backend
#: is a walk through every command, a study, and the lanes of JAX. What the oracles
#: say of mathematics written once, each backend hears as golden and published values.
MARKED = {
    "one_backend": (
        "benchmarks",
        "docs",
        "examples/datasets",
        "examples/test_faces.py",
        "examples/test_recommendation.py",
        "examples/test_text.py",
        "lab/commands",
        "lab/metrics",
        "lab/reports",
        "lab/studies/search/test_book.py",
        "lab/studies/search/test_front.py",
        "lab/studies/search/test_pruning.py",
        "lab/studies/search/test_space.py",
        "lab/studies/test_balancers_in_studies.py",
        "lab/studies/test_baselines.py",
        "lab/studies/test_better.py",
        "lab/studies/test_calibration.py",
        "lab/studies/test_ray_engine.py",
        "lab/studies/test_recommended.py",
        "lab/studies/test_repeats.py",
        "lab/studies/test_sharing.py",
        "lab/studies/test_study.py",
        "lab/studies/test_techniques.py",
        "lab/studies/test_tuning.py",
        "lab/studies/test_weights.py",
        "lab/tables",
        "lab/test_adapt.py",
        "lab/test_kinds_in_commands.py",
        "lab/test_tabular_model.py",
        "linear",
        "meta/test_episodes.py",
        "meta/test_task_augmentation.py",
        "models/test_across_backends.py",
        "oracles/test_balancing_gramian.py",
        "oracles/test_prox_cvxpy.py",
        "oracles/test_prox_sklearn.py",
        "test_docstrings.py",
        "test_inventory.py",
        "test_options.py",
        "test_ranges.py",
    ),
    "slow": (
        "lab/studies/search/test_run_search.py",
        "lab/studies/test_balancers_in_studies.py",
        "lab/studies/test_recommended.py",
        "lab/studies/test_repeats.py",
        "lab/studies/test_tuning.py",
        "lab/test_adapt.py",
        "lab/test_kinds_in_commands.py",
        "linear/test_penalties.py",
        "oracles/test_balancing_gramian.py",
        "oracles/test_prox_cvxpy.py",
        "oracles/test_prox_sklearn.py",
        "test_docstrings.py",
    ),
    "two_backends": (
        "lab/studies/search",
        "lab/studies/test_path.py",
    ),
}


@functools.cache
def marks_of(path):
    return [
        mark
        for mark, places in MARKED.items()
        if any(path.is_relative_to(ROOT / "tests" / place) for place in places)
    ]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        for mark in marks_of(item.path):
            item.add_marker(mark)
        # They would take half as long again, for few lines that no other test runs.
        if item.get_closest_marker("slow"):
            item.add_marker("no_cover")


@pytest.fixture(autouse=True)
def fixed_seed():
    keras.utils.set_random_seed(0)


def pytest_report_header():
    return f"keras {keras.__version__}, backend {keras.backend.backend()}"
