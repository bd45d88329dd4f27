"""Write docs/regularizers.md from the stored results."""

from pathlib import Path

import answers
import compact_section
import regmtl_section
import results
from catalogue import Technique, techniques
from effects import DATA, Effect, effects

PAGE = Path(__file__).parents[2] / "docs" / "regularizers.md"
MINUS = "\N{MINUS SIGN}"

HEAD = Path(__file__).parent / "head.md"

GROUPS = {
    "Weight penalties": "l1 l2 elastic_net weight_decay group_lasso sparse_group_lasso "
    "mcp scad l0 hard_concrete_gate spectral_norm orthogonality l2_sp "
    "factor_trace_norm",
    "Constraints": "top_k max_norm box l1_ball non_negative simplex unit_norm "
    "spectral_ball orthonormal",
    "Task structures": "l21 l1_inf exclusive_lasso trace_norm tensor_trace_norm "
    "mean_regularized graph_laplacian soft_sharing network_lasso task_relationship "
    "clustered dirty robust_l21 robust_trace_norm sparse_low_rank temporal_group_lasso "
    "fused_sparse_group_lasso",
    "Dropout and normalization": "dropout_input dropout_trunk dropout_tower batch_norm",
}


def render() -> None:
    """Write the page and its pictures."""
    known = {technique.name: technique for technique in techniques()}
    listed = [name for names in GROUPS.values() for name in names.split()]
    if sorted(listed) != sorted(known):
        raise SystemExit(f"in one list only: {sorted(set(listed) ^ set(known))}")
    about = {data: results.read(data)["about"] for data in DATA}
    head = HEAD.read_text(encoding="utf-8").format(
        digits_inputs=about["digits"]["inputs"],
        digits_rows=about["digits"]["rows"]["train"],
        census_inputs=about["census"]["inputs"],
        census_rows=f"{about['census']['rows']['train']:,}",
        school_tasks=about["school"]["tasks"],
        parkinsons_tasks=about["parkinsons"]["tasks"],
    )
    parts = [head, *regmtl_section.sections()]
    parts += ["## All techniques, as of 0.1", _overview(list(known.values()))]
    parts += ["## The three questions on digits, as of 0.1", answers.answers()]
    for group, names in GROUPS.items():
        parts.append(f"## {group}")
        parts += [_section(known[name]) for name in names.split()]
    if results.read("compact")["rows"]:
        parts.append(compact_section.section())
    PAGE.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def _overview(found: list[Technique]) -> str:
    lines = [
        f"| technique | {' | '.join(DATA.values())} |",
        "|---" * (1 + len(DATA)) + "|",
    ]
    for technique in found:
        by_data = {effect.data: effect for effect in effects(technique)}
        cells = [_short(by_data.get(data)) for data in DATA]
        lines.append(
            f"| [{technique.title}](#{_anchor(technique)}) | {' | '.join(cells)} |"
        )
    return (
        "Δm in percent against no regularization; bold where the 95 % interval "
        "excludes zero. In the linear columns L2 is single-task ridge: what coupling "
        "the tasks adds is the distance from that row.\n\n" + "\n".join(lines)
    )


def _anchor(technique: Technique) -> str:
    return technique.title.lower().replace(" ", "-")


def _short(effect: Effect | None) -> str:
    if effect is None:
        return ""
    text = _signed(effect.gain)
    return text if effect.verdict == "no effect" else f"**{text}**"


def _signed(value: float) -> str:
    return f"{value:+.1f}".replace("-", MINUS)


def _section(technique: Technique) -> str:
    lines = [
        f"### {technique.title}",
        "",
        f"{technique.formula}",
        f"*{technique.source}*" if technique.source else "",
        "",
        f"```python\n{technique.use}\n```",
        "",
    ]
    found = effects(technique)
    if found:
        lines += [
            "| data | strength | Δm % [95 %] | | gap | zeros | seconds |",
            "|---|---|---|---|---|---|---|",
            *[_row(effect) for effect in found],
            "",
        ]
    lines.append(f"**When.** {technique.when}")
    return "\n".join(lines)


def _row(effect: Effect) -> str:
    interval = f"[{_signed(effect.low)}, {_signed(effect.high)}]"
    cells = [
        DATA[effect.data],
        effect.strength,
        f"{_signed(effect.gain)} {interval}",
        effect.verdict,
        f"{effect.gap} ({effect.plain_gap})",
        f"{100 * effect.zeros:.0f} %",
        f"{effect.seconds:.1f}",
    ]
    return f"| {' | '.join(cells)} |"
