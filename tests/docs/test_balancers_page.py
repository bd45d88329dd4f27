"""The page on balancers lists them all, with what each of them needs."""

import re
from pathlib import Path

from polytask import balancing

PAGE = Path(__file__).parents[2] / "docs" / "balancers.md"
NEEDS = {"losses": "losses", "Gramian": "gramian", "gradients": "jacobian"}


def methods():
    """Return name → what it needs, from the table of methods."""
    text = PAGE.read_text("utf-8").split("## Every method")[1].split("\n## ")[0]
    rows = [
        re.split(r"(?<!\\)\|", line)[1:-1]
        for line in text.splitlines()
        if line.startswith("| `")
    ]
    return {row[0].strip(" `"): row[3].strip() for row in rows}


def test_every_balancer_is_on_the_page_once():
    assert sorted(methods()) == balancing.names()


def test_what_a_balancer_needs_is_what_the_page_says():
    for name, needs in methods().items():
        options = {"task_weights": [1.0]} if name == "fixed" else {}
        balancer = balancing.get(name, **options)
        assert NEEDS[needs.split()[0].rstrip(",")] == balancer.requires, name
        assert ("> 0" in needs) == balancer.positive_losses, name
        assert ("≥ 0" in needs) == balancer.nonnegative_losses, name
