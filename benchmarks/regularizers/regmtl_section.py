"""What RegMTL says of the techniques: the table and the answers that come first."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "regmtl"))
import page_tables
from pages import Results

#: Arm of RegMTL → section of this page.
SECTIONS = {
    "l1": "l1",
    "l2": "l2",
    "l1_l2": "elasticnet",
    "decay": "decoupled-weight-decay",
    "dropout_input": "dropout-of-the-inputs",
    "dropout_trunk": "dropout-in-the-trunk",
    "dropout_tower": "dropout-in-the-towers",
    "batch_norm": "batch-normalization",
    "l21_inputs": "grouplasso",
    "l21_heads": "l21",
    "trace_norm": "tracenorm",
    "mean": "meanregularized",
    "orthogonality": "orthogonality",
}


def sections() -> list[str]:
    """Return the sections."""
    results = Results()
    rows = []
    for row in results.overall:
        title = results.titles[row.arm]
        place = SECTIONS.get(row.arm)
        cells = [
            f"[{title}](#{place})" if place else title,
            page_tables.interval(row.interval),
        ]
        cells += [
            page_tables.decided(effect)
            if (effect := results.effects.get((row.arm, name)))
            else ""
            for name in results.data
        ]
        rows.append(cells)
    heads = ["technique", "mean of data sets [95 %]", *results.data]
    return ["## At a glance", GLANCE + page_tables.markdown(heads, rows), QUESTIONS]


GLANCE = """Δm in percent against the same network without regularization, every arm and
the plain network tuned alike, over fresh splits: [RegMTL](regmtl.md), where protocol,
ranks, calibration and the comparison with single-task models stand. Bold where Holm's
p over the arms of a data set is below 5 %.

"""

QUESTIONS = """## Three questions

How L1 and L2 differ, which dropout rate, and what batch normalization brings: answered
on several data sets, with a picture each, in [RegMTL](regmtl.md#three-questions)."""
