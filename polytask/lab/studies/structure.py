"""What trainings have to share to be lanes of one program, and what may differ.

Two trainings have one *structure* if their networks differ in the values of knobs
alone: strengths of L1, L2 and the elastic net, dropout rates, weight decay, and the
strengths of input penalties, gates, regularizers and task structures where both have
them. A strength of 0 is a value like any other, a rate of 0 drops nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from polytask import Knob
from polytask_options import Budget, ElasticNet, Network, Settings

# A penalty or gate that acts even at 0, by what stands in its place or by its noise.
_PRESENT = ("l1_inputs", "group_lasso", "task_gates")
_RATES = ("dropout_input", "dropout_trunk", "dropout_tower")
_SCOPES = ("trunk", "tower", "head")
_WEIGHT = "loss_weight_"
#: Options that name a penalty, whose strength is a knob.
NAMED = ("regularizer", "task_structure")
_STRENGTH = "strength"
# Their strength is none.
_FIXED = ("dirty",)

Values = dict[str, float]


def why_alone(settings: Settings, network: Network, budget: Budget) -> str:
    """Return why a training cannot be a lane, or "".

    Args:
        settings: Of the training.
        network: Of the study.
        budget: Of the study.
    """
    reasons = {
        "refit trains twice": budget.refit,
        "calibrate changes the network": budget.calibrate,
        "members are trained one by one": budget.members > 1,
        f"embedding = {network.embedding} is fitted to the rows": (
            network.embedding != "none"
        ),
        "ema averages weights": settings.ema,
        "distillation trains teachers before": settings.distillation,
        # In a lane of one task, the others would learn as well.
        "r_drop learns from rows without a label": settings.r_drop,
        "pseudo_labels learn from rows without a label": settings.pseudo_labels,
        "mixup is drawn from one seed": settings.mixup,
        "mean_teacher averages weights": settings.mean_teacher,
        "vat is drawn from one seed": settings.vat,
        "pruning keeps masks": settings.pruning,
        "self_paced leaves rows out": settings.self_paced,
        "input_gradient reads its own rows for numbers": settings.input_gradient,
        "jacobian is drawn from one seed": settings.jacobian,
        "gradient_noise is drawn from one seed": settings.gradient_noise,
        "roaming swaps units of one network at a time": settings.roaming,
        "task_early_stopping stops tasks one by one": settings.task_early_stopping,
    }
    return next((reason for reason, applies in reasons.items() if applies), "")


def structure_of(settings: Settings) -> str:
    """Return what has to agree for two trainings to be lanes of one program.

    Args:
        settings: Of the training; those of a single task are `Settings.alone`.
    """
    plain = Settings()
    varied = ["l1", "l2", "elastic_net", "weight_decay", *_PRESENT]
    present = [name for name in _PRESENT if getattr(settings, name)]
    varied += [name for name in _RATES if _is_rate(settings, name)]
    varied += ["loss_weights"] if isinstance(settings.loss_weights, Mapping) else []
    kinds = _kinds(settings) if "l1_inputs" in present else ()
    rest = replace(settings, **{name: getattr(plain, name) for name in varied})
    rest = replace(rest, **_strengths_as(rest, dict.fromkeys(NAMED)))
    return repr((rest, present, kinds))


def values_of(settings: Settings, single: bool) -> Values:
    """Return knob → value of a training.

    Args:
        settings: Of the training.
        single: Whether it is of one task, whose network is all tower but for the head.
    """
    l1, ridge = settings.elastic_net or (settings.l1, 0.0)
    # Without L1 the elastic net is smooth, and acts by its gradient.
    smooth = settings.l2 or (0.0 if l1 else ridge)
    decay = settings.weight_decay
    rates = decay if isinstance(decay, Mapping) else dict.fromkeys(_SCOPES, decay)
    values = {
        "l1": l1,
        "ridge": ridge if l1 else 0.0,
        "l2": smooth,
        **{name: getattr(settings, name) for name in _PRESENT},
        **{name: getattr(settings, name) for name in _RATES},
        **{f"decay_{scope}": rates.get(scope, 0.0) for scope in _SCOPES},
    }
    if single:
        values["decay_trunk"] = values["decay_tower"]
    named = {name: getattr(settings, name) for name in NAMED}
    values |= {n: one[_STRENGTH] for n, one in named.items() if _has_knob(one)}
    if isinstance(settings.loss_weights, Mapping):
        weights = settings.loss_weights.items()
        values |= {f"{_WEIGHT}{task}": weight for task, weight in weights}
    return {name: value for name, value in values.items() if _is_number(value)}


def acting_in(settings: Settings, values: Values) -> Values:
    """Return the values of what a structure has; others would make another of it.

    Args:
        settings: Of one of its trainings.
        values: Knob → value.
    """
    absent = [name for name in _PRESENT if not getattr(settings, name)]
    absent += [name for name in NAMED if not _has_knob(getattr(settings, name))]
    return {name: 0.0 if name in absent else v for name, v in values.items()}


def value_in(values: Values, knob: str) -> float:
    """Return the value of a knob in a training that need not say it.

    Args:
        values: Of the training.
        knob: Its name. Only weights of losses may be left out, and are 1 then.
    """
    return values.get(knob, 1.0) if knob.startswith(_WEIGHT) else values[knob]


def with_knobs(settings: Settings, used: Iterable[Values]) -> tuple[Settings, Any]:
    """Return settings with a knob wherever trainings of one structure differ or act.

    Args:
        settings: Of one of the trainings.
        used: The values of all of them.

    Returns:
        The settings, and knob's name → knob.
    """
    values = list(used)
    names = dict.fromkeys(name for each in values for name in each)
    acting = [name for name in names if any(each.get(name) for each in values)]
    # Some penalties refuse a strength of 0.
    knobs = {name: Knob(max(v.get(name, 0.0) for v in values), name) for name in acting}

    def knob(name: str) -> Any:
        return knobs.get(name, 0.0)

    given: dict[str, Any] = {"l1": 0.0, "l2": knob("l2"), "elastic_net": None}
    if "l1" in knobs:
        given["elastic_net"] = ElasticNet(knobs["l1"], knob("ridge"))
    given |= {name: knob(name) for name in _PRESENT}
    given |= {name: knob(name) for name in _RATES if _is_rate(settings, name)}
    scopes = {scope: knob(f"decay_{scope}") for scope in _SCOPES}
    decays = any(f"decay_{scope}" in knobs for scope in _SCOPES)
    given["weight_decay"] = scopes if decays else 0.0
    given |= _strengths_as(settings, knobs)
    weights = [name for name in knobs if name.startswith(_WEIGHT)]
    if weights:
        # A task that no training weighs keeps its loss as it is.
        given["loss_weights"] = {n.removeprefix(_WEIGHT): knobs[n] for n in weights}
    return replace(settings, **given), knobs


def _has_knob(named: Mapping[str, Any] | None) -> bool:
    """Return whether the strength of a named penalty is said and can be a knob."""
    return bool(named and _STRENGTH in named and named["name"] not in _FIXED)


def _strengths_as(settings: Settings, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the named penalties of settings with other strengths.

    Args:
        settings: Of a training.
        values: Option → strength; what it does not name stays.
    """
    named = {name: getattr(settings, name) for name in NAMED if name in values}
    return {
        name: {**one, _STRENGTH: values[name]}
        for name, one in named.items()
        if _has_knob(one)
    }


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)


def _is_rate(settings: Settings, name: str) -> bool:
    """Return whether a knob can stand for a dropout rate."""
    return settings.dropout_kind == "plain" and _is_number(getattr(settings, name))


def _kinds(settings: Settings) -> tuple[bool, bool]:
    # The ridge beside L1 of the inputs is that of the kernel's penalty.
    return bool(settings.elastic_net or settings.l1), bool(settings.l2)
