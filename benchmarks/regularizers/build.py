"""Write docs/regularizers.md from the stored results, or measure what is missing.

    python benchmarks/regularizers/build.py
    python benchmarks/regularizers/build.py --measure digits
    python benchmarks/regularizers/build.py --measure census school --data-dir DIR

A result that is in benchmarks/regularizers/results/ is not measured again: delete its
line to repeat it.
"""

import argparse
import os
import tempfile
from pathlib import Path


def main() -> None:
    """Measure what is asked for, then write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--measure", nargs="*", default=[], choices=MEASURES)
    parser.add_argument("--data-dir", type=Path, help="folder with the data sets")
    parser.add_argument("--only", nargs="*", help="names of techniques")
    parser.add_argument("--seconds", type=float, default=1e9, help="CPU time to spend")
    options = parser.parse_args()
    # Five seeds of one variant are the same program: it is compiled once. JAX reads
    # this before anything imports it.
    cache = Path(tempfile.gettempdir()) / "polytask-docs-jax"
    os.environ["KERAS_BACKEND"] = "jax"
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(cache))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
    import anchor
    import linear_models
    import networks
    import questions
    from catalogue import techniques

    chosen = [t for t in techniques() if not options.only or t.name in options.only]
    for name in options.measure:
        if name in networks.BUDGETS:
            dataset = networks.load(name, options.data_dir)
            networks.measure(name, dataset, chosen, options.seconds)
            if any(t.name == "l2_sp" for t in chosen):
                anchor.measure(name, dataset)
        elif name == "questions":
            questions.measure(networks.load("digits", None))
        else:
            linear_models.measure(name, options.data_dir, chosen, options.seconds)
    if not options.measure:
        import render

        render.render()


MEASURES = ("digits", "census", "school", "parkinsons", "questions")

if __name__ == "__main__":
    main()
