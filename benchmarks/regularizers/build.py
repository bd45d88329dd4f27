"""Write docs/regularizers.md from the stored results.

    python benchmarks/regularizers/build.py

The networks are those of RegMTL (`python benchmarks/regmtl/run.py`); linear models are
measured here:

    python benchmarks/regularizers/build.py --measure school parkinsons --data-dir DIR

A result that is in benchmarks/regularizers/results/ is not measured again: delete its
line to repeat it.
"""

import argparse
import os
from pathlib import Path

MEASURES = ("school", "parkinsons")


def main() -> None:
    """Measure what is asked for, or write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--measure", nargs="*", default=[], choices=MEASURES)
    parser.add_argument("--data-dir", type=Path, help="folder with the data sets")
    parser.add_argument("--only", nargs="*", help="names of techniques")
    parser.add_argument("--seconds", type=float, default=1e9, help="CPU time to spend")
    options = parser.parse_args()
    os.environ.setdefault("KERAS_BACKEND", "jax")
    if not options.measure:
        import render

        render.render()
        return
    import linear_models
    from catalogue import techniques

    chosen = [t for t in techniques() if not options.only or t.name in options.only]
    for name in options.measure:
        linear_models.measure(name, options.data_dir, chosen, options.seconds)


if __name__ == "__main__":
    main()
