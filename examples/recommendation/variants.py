"""The variants of the study, and where their strengths come from."""

from dataclasses import replace

from network import Options

# Strengths are the best of `CANDIDATES` on the validation part; see `--validate`.
FREQUENCY_L2 = 0.1
DROPOUT = 0.5
L1 = 1e-4
SELECTION = Options(l21=3e-3, factors=3e-3, dimensions=1e-3)
TOGETHER = replace(SELECTION, frequency_l2=FREQUENCY_L2)
# A third of each, with weights learned from the losses.
UNCERTAIN = Options(
    l21=1e-3, factors=1e-3, dimensions=3e-4, frequency_l2=0.03, balancer="uncertainty"
)
STRONGER = replace(TOGETHER, factors=2e-2, dimensions=6e-3)
# A selection that leaves a third of the columns of users and films, and what is trained
# on these anew, without the penalties that selected them.
CHOOSER = replace(TOGETHER, balancer="uncertainty", l21=5e-3, factors=0.1)
FRESH = replace(UNCERTAIN, l21=0.0, factors=0.0)

BASELINE = "single-task, no regularization"
PLAIN = "multi-task, no regularization"
ALL = "L2,1, dimensions, frequency-aware L2"
SMALL = "the same three, stronger selection"
L1_ALONE = "L1"
FEW = "the same three, uncertainty weights, few features"
AGAIN = "a third of the columns, trained again"
LIGHTER = "the same three, a third as strong, uncertainty weights"
BEST = "a third as strong, uncertainty weights, three members"
SINGLE_ALL = "single-task, the same three"
SINGLE_TUNED = "single-task, tuned"
SINGLE_MEMBERS = "single-task, tuned, three members"
# Of each task by itself, also from `CANDIDATES`.
TUNED = {
    "watch": Options(),
    "like": Options(frequency_l2=0.03),
    "rating": Options(frequency_l2=0.1),
}
SINGLE: dict[str, Options | dict[str, Options]] = {
    BASELINE: Options(),
    SINGLE_ALL: TOGETHER,
    SINGLE_TUNED: TUNED,
    SINGLE_MEMBERS: {task: replace(o, members=3) for task, o in TUNED.items()},
}
SHARED = {
    PLAIN: Options(),
    "frequency-aware L2": Options(frequency_l2=FREQUENCY_L2),
    "dropout": Options(dropout=DROPOUT),
    L1_ALONE: Options(l1=L1),
    "L2,1, dimensions": SELECTION,
    ALL: TOGETHER,
    SMALL: STRONGER,
    "the same three, uncertainty weights": replace(TOGETHER, balancer="uncertainty"),
    "MMoE, no regularization": Options(sharing="mmoe"),
    "MMoE, the same three": replace(TOGETHER, sharing="mmoe"),
    "PLE, the same three": replace(TOGETHER, sharing="ple"),
    FEW: replace(TOGETHER, balancer="uncertainty", factors=0.1),
    AGAIN: replace(FRESH, chooser=CHOOSER),
    LIGHTER: UNCERTAIN,
    BEST: replace(UNCERTAIN, members=3),
}

CANDIDATES = {
    PLAIN: Options(),
    **{f"frequency-aware L2 {s:g}": Options(frequency_l2=s) for s in (0.03, 0.1, 0.3)},
    **{f"dropout {s:g}": Options(dropout=s) for s in (0.1, 0.3, 0.5)},
    **{f"L1 {s:g}": Options(l1=s) for s in (1e-4, 3e-4, 1e-3)},
    **{
        f"L2,1, dimensions × {s:g}": Options(
            l21=s * 3e-3, factors=s * 3e-3, dimensions=s * 1e-3
        )
        for s in (0.3, 1.0, 3.0)
    },
    **{
        f"the three, frequency-aware L2 {s:g}": replace(SELECTION, frequency_l2=s)
        for s in (0.03, 0.1)
    },
    "the three, uncertainty weights": replace(TOGETHER, balancer="uncertainty"),
    "a third of the three, uncertainty weights": UNCERTAIN,
    **{
        name.format(s): options
        for s in (5e-3, 1e-2)
        for name, options in (
            ("few features, L2,1 {:g}", replace(CHOOSER, l21=s)),
            (
                "… trained again, L2,1 {:g}",
                replace(FRESH, chooser=replace(CHOOSER, l21=s)),
            ),
        )
    },
    "… trained again with a third of L2,1": replace(UNCERTAIN, chooser=CHOOSER),
}
