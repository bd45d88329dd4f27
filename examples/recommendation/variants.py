"""The variants of the study, and where their strengths come from."""

from dataclasses import replace

from network import Options

# Strengths were chosen on the validation part with seed 0, of a few values each.
FREQUENCY_L2 = 0.1
DROPOUT = 0.3
L1 = 3e-4
SELECTION = Options(l21=3e-3, factors=3e-3, dimensions=1e-3)
TOGETHER = replace(SELECTION, frequency_l2=FREQUENCY_L2)
STRONGER = replace(TOGETHER, factors=2e-2, dimensions=6e-3)

BASELINE = "single-task, no regularization"
PLAIN = "multi-task, no regularization"
ALL = "L2,1, dimensions, frequency-aware L2"
SMALL = "the same three, stronger selection"
L1_ALONE = "L1"
SINGLE_ALL = "single-task, the same three"
SINGLE = {BASELINE: Options(), SINGLE_ALL: TOGETHER}
SHARED = {
    PLAIN: Options(),
    "frequency-aware L2": Options(frequency_l2=FREQUENCY_L2),
    "dropout": Options(dropout=DROPOUT),
    L1_ALONE: Options(l1=L1),
    "L2,1, dimensions": SELECTION,
    ALL: TOGETHER,
    SMALL: STRONGER,
    "the same three, uncertainty weights": replace(TOGETHER, balancer="uncertainty"),
}
