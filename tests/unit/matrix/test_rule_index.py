"""The index of rules: the same matches as trying each rule, and work that follows the matches."""

import random
from itertools import product

import pytest
from support.phases import read

from compiler.matrix.matrix import Value
from compiler.matrix.pattern import Rule, holds
from compiler.matrix.rule_index import RuleIndex, _Branch


def axes(sizes: list[int]) -> list[tuple[Value, ...]]:
    """Return the values of axes of these sizes."""
    written = "".join(
        f"  a{n}: [{', '.join(map(str, range(size)))}]\n" for n, size in enumerate(sizes)
    )
    matrix = read(f"axes:\n{written or '  {}'}\nimages: {{i: {{template: t}}}}\n")
    return [axis.values for axis in matrix.axes.values()]


def random_rule(rng: random.Random, sizes: list[int]) -> Rule | None:
    """Return a rule that restricts some of the axes; sometimes one that matches nothing."""
    if rng.random() < 0.1:
        return None
    return tuple(
        (n, frozenset(rng.sample(range(size), rng.randint(0, size))))
        for n, size in enumerate(sizes)
        if rng.random() < 0.6
    )


@pytest.mark.parametrize("seed", range(40))
def test_the_same_rules_match_as_by_trying_each(seed: int) -> None:
    """Each shape of rules and axes, with variants in any order."""
    rng = random.Random(seed)  # noqa: S311 - not a secret
    sizes = [rng.randint(1, 4) for _ in range(rng.randint(0, 4))]
    rules = [random_rule(rng, sizes) for _ in range(rng.randint(0, 12))]
    index = RuleIndex(rules)
    variants = list(product(*axes(sizes)))
    rng.shuffle(variants)
    for variant in variants:
        expected = [n for n, one in enumerate(rules) if one is not None and holds(one, variant)]
        assert index.matching(variant) == tuple(expected)


def test_rules_of_single_variants_are_looked_at_once_for_each_axis(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """1,000 rows of a table: trying each row of one value for each variant reads 100,000."""
    looked_at = 0
    original = _Branch.__init__

    def counted(self: _Branch, rules: list[object]) -> None:
        nonlocal looked_at
        looked_at += len(rules)
        original(self, rules)  # type: ignore[arg-type]

    monkeypatch.setattr(_Branch, "__init__", counted)
    rows = product(range(10), repeat=3)
    index = RuleIndex([tuple((n, frozenset([m])) for n, m in enumerate(row)) for row in rows])
    found = [index.matching(variant) for variant in product(*axes([10, 10, 10]))]
    assert found == [(n,) for n in range(1_000)]
    assert looked_at == 4_000
