"""Write docs/regularizers.md from the stored results."""

import math
import tomllib
from itertools import groupby
from pathlib import Path

import compact_section
import linear_effects
import network_effects
import results
from analysis import Effect
from catalogue import Technique, techniques
from linear_effects import LinearEffect, LinearModels
from network_effects import Measured, Networks
from page_tables import decided, interval, markdown

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "regularizers.md"
HEAD = Path(__file__).parent / "head.md"
INVENTORY = ROOT / "polytask_options" / "inventory.toml"

#: How many decided effects the summary names a data set.
NAMED = 6


def render() -> None:
    """Write the page and its picture."""
    known = techniques()
    networks, linear = Networks(), LinearModels()
    about = {data: stored["about"] for data, stored in linear.stored.items()}
    head = HEAD.read_text(encoding="utf-8").format(
        techniques=len(known),
        summary=_summary(known, networks, linear),
        rows=_rows_of(networks),
        school_tasks=about["school"]["tasks"],
        parkinsons_tasks=about["parkinsons"]["tasks"],
        splits=about["school"]["splits"],
    )
    parts = [head, "## At a glance", GLANCE]
    groups = [(g, list(own)) for g, own in groupby(known, lambda t: t.group)]
    for group, own in groups:
        parts.append(f"**{group}**\n\n{_glance(own, networks, linear)}")
    parts += ["## Three questions", QUESTIONS]
    for group, own in groups:
        parts.append(f"## {group}")
        parts += [_section(technique, networks, linear) for technique in own]
    parts += ["## Not an option of a study", _others()]
    if results.read("compact")["rows"]:
        parts.append(compact_section.section())
    PAGE.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def _rows_of(networks: Networks) -> str:
    """Return how many rows each data set has, in words."""
    by_data = {study.name: study.records.about for study in networks.studies}
    return "; ".join(
        f"{title} {sum(int(n) for n in about['rows'].values()):,} rows, "
        f"{len(about['tasks'])} tasks"
        for name, title in network_effects.DATA.items()
        if (about := by_data.get(name))
    )


def _summary(known: list[Technique], networks: Networks, linear: LinearModels) -> str:
    """Return what is decided, data set by data set."""
    titles = {technique.name: technique.title for technique in known}
    lines = []
    for data, title in network_effects.DATA.items():
        effects = [e for _, e in networks.effects.values() if e.data == data]
        better, worse = (
            sorted((e for e in effects if e.verdict == v), key=lambda e: -abs(e.mean))
            for v in ("better", "worse")
        )
        above = sum(effect.interval[1] > 0 for effect in effects)
        below = sum(effect.interval[2] < 0 for effect in effects)
        lines.append(
            f"- **{title}**, {len(effects)} techniques. After Holm's correction "
            f"better: {_named(better, titles)}; worse: {_named(worse, titles)}. "
            f"Uncorrected, the intervals of {above} are above zero, of {below} below."
        )
    for data, title in linear_effects.DATA.items():
        pairs = [
            (technique.title, effect)
            for technique in known
            for effect in linear.of(technique.name)
            if effect.data == data
        ]
        above = sum(effect.verdict == "better" for _, effect in pairs)
        best, effect = max(pairs, key=lambda pair: pair[1].interval[0])
        ridge = next(effect for name, effect in pairs if name == "L2")
        lines.append(
            f"- **{title}**, {len(pairs)} techniques: the intervals of {above} are "
            f"above zero, against least squares. {best} is the best by the mean, "
            f"{interval(effect.interval)} %; L2 for each task has "
            f"{interval(ridge.interval)} %."
        )
    return "\n".join(lines)


def _named(effects: list[Effect], titles: dict[str, str]) -> str:
    """Return how many effects there are, and the largest by name."""
    if not effects:
        return "none"
    named = ", ".join(
        f"{titles[effect.arm]} {_signed(effect.mean)} %" for effect in effects[:NAMED]
    )
    return f"{len(effects)} ({named}{', …' if len(effects) > NAMED else ''})"


def _glance(own: list[Technique], networks: Networks, linear: LinearModels) -> str:
    data = {**network_effects.DATA, **linear_effects.DATA}
    rows = []
    for technique in own:
        name = technique.name
        measured = {one.data: decided(one.effect) for one in networks.of(name)}
        measured |= {one.data: decided(one) for one in linear.of(name)}
        overall = networks.overall.get(name)
        across = (
            f"{interval(overall.interval)}, {overall.data} data sets" if overall else ""
        )
        cells = [measured.get(one, "") for one in data]
        rows.append([f"[{technique.title}](#{_anchor(technique)})", *cells, across])
    heads = ["technique", *data.values(), "all of RegMTL"]
    filled = [i for i in range(len(heads)) if i == 0 or any(row[i] for row in rows)]
    return markdown([heads[i] for i in filled], [[r[i] for i in filled] for r in rows])


def _anchor(technique: Technique) -> str:
    kept = "".join(c for c in technique.title.lower() if c.isalnum() or c in " -")
    return kept.replace(" ", "-")


def _signed(value: float) -> str:
    return interval((value, math.nan, math.nan))


def _section(technique: Technique, networks: Networks, linear: LinearModels) -> str:
    lines = [
        f"### {technique.title}",
        "",
        technique.formula,
        f"*{technique.source}*",
        "",
        f"```python\n{technique.use.strip()}\n```",
        "",
    ]
    rows = [_row(one) for one in networks.of(technique.name)]
    rows += [_linear_row(one) for one in linear.of(technique.name)]
    if rows:
        heads = ["data", "tuned to", "Δm % [95 %]", "", "gap", "calibration", "zeros"]
        lines += [markdown(heads, rows), ""]
    elif technique.name in networks.arms:
        lines += ["Not measured yet.", ""]
    cost = networks.cost.get(technique.name)
    if cost is not None:
        lines += [f"**Cost.** {cost:.1f} times the CPU time of none's training.", ""]
    lines.append(f"**When.** {technique.when}")
    if technique.not_with:
        lines += ["", f"**Not with.** {technique.not_with}"]
    return "\n".join(lines)


def _row(one: Measured) -> list[str]:
    calibration = f"{one.error:.1f} ({one.plain_error:.1f})"
    return [
        network_effects.DATA[one.data],
        one.tuned,
        interval(one.effect.interval),
        one.effect.verdict,
        f"{one.gap:.1f} ({one.plain_gap:.1f})",
        "" if math.isnan(one.error) else calibration,
        f"{100 * one.zeros:.0f} %",
    ]


def _linear_row(one: LinearEffect) -> list[str]:
    return [
        linear_effects.DATA[one.data],
        f"{one.ratio:.2g} λ_max",
        interval(one.interval),
        one.verdict,
        f"{one.gap:.2f} ({one.plain_gap:.2f})",
        "",
        f"{100 * one.zeros:.0f} %",
    ]


def _others() -> str:
    """Return what a study cannot name, and why."""
    known = tomllib.loads(INVENTORY.read_text(encoding="utf-8"))
    rows = [
        [one["name"], ", ".join(f"`{path}`" for path in one["import"]), one["note"]]
        for one in known.values()
        if not one.get("option")
    ]
    return OTHERS + markdown(["technique", "where", "why no option"], rows)


GLANCE = """Δm in percent, with its 95 % interval: of networks against the same network
without regularization, of linear models against least squares. Bold where it is
decided: for networks where Holm's p over all techniques of a data set is below 5 %, for
linear models where the interval excludes zero. *All of RegMTL* is the mean over more
data sets of [RegMTL](regmtl.md), for the techniques that all of them have."""

QUESTIONS = """How L1 and L2 differ, which dropout rate, and what batch normalization
brings: answered on several data sets, with a picture each, in
[RegMTL](regmtl.md#three-questions)."""

OTHERS = """These are layers, callbacks, estimators and functions of the library; a
study of a table has no place for them.

"""
