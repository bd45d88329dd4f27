"""The sharing architectures by name."""

from polytask._registry import Registry
from polytask.layers.ada_share import AdaShare
from polytask.layers.branching import Branching
from polytask.layers.cgc import CGC
from polytask.layers.cross_stitch import CrossStitch
from polytask.layers.mmoe import MMoE, MoE
from polytask.layers.mtan import MTAN
from polytask.layers.ple import PLE
from polytask.layers.shared_bottom import SharedBottom
from polytask.layers.shared_private import SharedPrivate
from polytask.layers.sharing import Sharing
from polytask.layers.sluice import Sluice

ARCHITECTURES: Registry[Sharing] = Registry(
    "sharing architecture",
    Sharing,  # type: ignore[type-abstract]
    {
        "ada_share": AdaShare,
        "branching": Branching,
        "cgc": CGC,
        "cross_stitch": CrossStitch,
        "hard": SharedBottom,
        "mmoe": MMoE,
        "moe": MoE,
        "mtan": MTAN,
        "ple": PLE,
        "shared_private": SharedPrivate,
        "sluice": Sluice,
    },
)
