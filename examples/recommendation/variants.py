"""The variants of the study, and where their strengths come from."""

from dataclasses import replace

from network import Options

# Strengths were chosen on the validation part with seed 0, of a few values each.
FREQUENCY_L2 = 0.1
DROPOUT = 0.3
L1 = 3e-4
L21 = 3e-3
DIMENSIONS = 1e-3
TOGETHER = Options(frequency_l2=FREQUENCY_L2, l21=L21, dimensions=DIMENSIONS)

BASELINE = "single-task, no regularization"
PLAIN = "multi-task, no regularization"
ALL = "L2,1, dimensions, frequency-aware L2"
SINGLE_ALL = "single-task, the same three"
SINGLE = {BASELINE: Options(), SINGLE_ALL: TOGETHER}
SHARED = {
    PLAIN: Options(),
    "frequency-aware L2": Options(frequency_l2=FREQUENCY_L2),
    "dropout": Options(dropout=DROPOUT),
    "L1": Options(l1=L1),
    "L2,1, dimensions": Options(l21=L21, dimensions=DIMENSIONS),
    ALL: TOGETHER,
    "the same three, uncertainty weights": replace(TOGETHER, balancer="uncertainty"),
}
