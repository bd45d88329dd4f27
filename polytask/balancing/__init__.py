"""Balancers: how the tasks' gradients become one update."""

from typing import Any

from polytask._registry import Registry
from polytask.balancing.aligned_mtl import AlignedMTL as AlignedMTL
from polytask.balancing.auto_lambda import AutoLambda as AutoLambda
from polytask.balancing.balancer import Balancer as Balancer
from polytask.balancing.cagrad import CAGrad as CAGrad
from polytask.balancing.combined import Combined as Combined
from polytask.balancing.config import ConFIG as ConFIG
from polytask.balancing.consmtl import ConsMTL as ConsMTL
from polytask.balancing.cosine_gating import CosineGating as CosineGating
from polytask.balancing.cosmos import COSMOS as COSMOS
from polytask.balancing.cr_mogm import CRMOGM as CRMOGM
from polytask.balancing.db_mtl import DBMTL as DBMTL
from polytask.balancing.dualproj import DualProj as DualProj
from polytask.balancing.dwa import DWA as DWA
from polytask.balancing.equal import Equal as Equal
from polytask.balancing.excess import ExcessMTL as ExcessMTL
from polytask.balancing.fairgrad import FairGrad as FairGrad
from polytask.balancing.famo import FAMO as FAMO
from polytask.balancing.fixed import Fixed as Fixed
from polytask.balancing.geometric import Geometric as Geometric
from polytask.balancing.go4align import GO4Align as GO4Align
from polytask.balancing.graddrop import GradDrop as GradDrop
from polytask.balancing.gradnorm import GradNorm as GradNorm
from polytask.balancing.gradvac import GradVac as GradVac
from polytask.balancing.gramian_balancer import GramianBalancer as GramianBalancer
from polytask.balancing.imtl_g import IMTLG as IMTLG
from polytask.balancing.imtl_l import IMTLL as IMTLL
from polytask.balancing.jacobian_balancer import JacobianBalancer as JacobianBalancer
from polytask.balancing.ldc_mtl import LDCMTL as LDCMTL
from polytask.balancing.log import Log as Log
from polytask.balancing.mgda import MGDA as MGDA
from polytask.balancing.moco import MoCo as MoCo
from polytask.balancing.modo import MoDo as MoDo
from polytask.balancing.nash_mtl import NashMTL as NashMTL
from polytask.balancing.pbi import PBI as PBI
from polytask.balancing.pcd import PCD as PCD
from polytask.balancing.pcgrad import PCGrad as PCGrad
from polytask.balancing.pivrg import PIVRG as PIVRG
from polytask.balancing.preference_balancer import (
    PreferenceBalancer as PreferenceBalancer,
)
from polytask.balancing.rlw import RLW as RLW
from polytask.balancing.sdmgrad import SDMGrad as SDMGrad
from polytask.balancing.stch import STCH as STCH
from polytask.balancing.task_dropout import TaskDropout as TaskDropout
from polytask.balancing.uncertainty import Uncertainty as Uncertainty
from polytask.balancing.upgrad import UPGrad as UPGrad
from polytask.balancing.wrapper import Wrapper as Wrapper

_REGISTRY: Registry[Balancer] = Registry(
    "balancer",
    Balancer,
    {
        "aligned_mtl": AlignedMTL,
        "auto_lambda": AutoLambda,
        "cagrad": CAGrad,
        "config": ConFIG,
        "consmtl": ConsMTL,
        "cosine_gating": CosineGating,
        "cosmos": COSMOS,
        "cr_mogm": CRMOGM,
        "db_mtl": DBMTL,
        "dualproj": DualProj,
        "dwa": DWA,
        "equal": Equal,
        "excess": ExcessMTL,
        "fairgrad": FairGrad,
        "famo": FAMO,
        "fixed": Fixed,
        "geometric": Geometric,
        "go4align": GO4Align,
        "graddrop": GradDrop,
        "gradnorm": GradNorm,
        "gradvac": GradVac,
        "imtl_g": IMTLG,
        "imtl_l": IMTLL,
        "ldc_mtl": LDCMTL,
        "log": Log,
        "mgda": MGDA,
        "moco": MoCo,
        "modo": MoDo,
        "nash_mtl": NashMTL,
        "pbi": PBI,
        "pcd": PCD,
        "pcgrad": PCGrad,
        "pivrg": PIVRG,
        "rlw": RLW,
        "sdmgrad": SDMGrad,
        "stch": STCH,
        "task_dropout": TaskDropout,
        "uncertainty": Uncertainty,
        "upgrad": UPGrad,
    },
)


def get(identifier: Any, **options: Any) -> Balancer | None:
    """Return a balancer for a name, class, instance, configuration or None.

    Args:
        identifier: A name such as `"nash_mtl"` (see `names`), several names as in
            `"dwa+nash_mtl"` (see `Combined`) or `"cr_mogm+mgda"` (see `Wrapper`), a
            `Balancer` class or instance, its Keras configuration, or None.
        **options: Arguments of the constructor, for a name or a class; with several
            names, of the last.

    Returns:
        The balancer, or None for None.

    Raises:
        UserError: If the identifier is not known; the nearest is suggested.

    Example:
        >>> get("equal").requires
        'losses'
    """
    if isinstance(identifier, str) and "+" in identifier:
        first, _, rest = identifier.partition("+")
        outer, inner = _REGISTRY.named(first.strip()), get(rest.strip(), **options)
        assert inner is not None
        if issubclass(outer, Wrapper):
            return outer(inner)
        return Combined(outer(), inner)
    return _REGISTRY.get(identifier, **options)


def serialize(balancer: Balancer) -> dict[str, Any]:
    """Return the Keras configuration of a balancer."""
    return _REGISTRY.serialize(balancer)


def deserialize(config: dict[str, Any]) -> Balancer:
    """Return the balancer that `serialize` described."""
    return _REGISTRY.deserialize(config)


def names() -> list[str]:
    """Return the identifiers of all balancers, in alphabetical order."""
    return _REGISTRY.names()
