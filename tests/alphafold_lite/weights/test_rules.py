"""Transforms can be undone without loss, and tables of rules are put together as names demand."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from alphafold_lite.weights.rules import (
    FLATTEN,
    HEADS_IN,
    HEADS_OUT,
    IDENTITY,
    TRANSPOSE,
    Rule,
    expand,
    under,
    with_heads,
)

SIZE = st.integers(1, 5)


@pytest.mark.parametrize(
    ("transform", "ours", "foreign"),
    [
        (IDENTITY, (7,), (7,)),
        (TRANSPOSE, (6, 5), (5, 6)),
        (HEADS_IN, (6, 5), (5, 2, 3)),
        (HEADS_OUT, (5, 6), (2, 3, 5)),
        (FLATTEN, (6,), (2, 3)),
    ],
)
def test_shapes_both_ways(transform, ours, foreign):
    assert transform.foreign_shape(ours, 2) == foreign
    assert transform.our_shape(foreign) == ours


@given(st.sampled_from([IDENTITY, TRANSPOSE, HEADS_IN, HEADS_OUT, FLATTEN]), SIZE, SIZE, SIZE)
def test_round_trip_keeps_every_bit(transform, heads, width, other):
    merged = (heads * width,)
    shapes = {"heads_in": (*merged, other), "transpose": (*merged, other), "heads_out": (other, *merged)}
    ours = shapes.get(transform.name, merged)
    parameter = torch.randn(ours)
    foreign = transform.to_foreign(parameter, transform.foreign_shape(ours, heads))
    assert foreign.shape == transform.foreign_shape(ours, heads)
    assert torch.equal(transform.to_ours(foreign, ours), parameter)


def test_heads_lie_where_the_official_layout_has_them():
    official = torch.arange(5 * 2 * 3.0).reshape(5, 2, 3)  # [c, h, d]
    x = torch.randn(4, 5)
    by_head = torch.einsum("nc,chd->nhd", x, official)
    assert torch.allclose(torch.nn.functional.linear(x, HEADS_IN.to_ours(official, (6, 5))), by_head.flatten(1))
    output = torch.randn(2, 3, 5)  # [h, d, out]
    gathered = torch.einsum("nhd,hdo->no", by_head, output)
    ours = HEADS_OUT.to_ours(output, (5, 6))
    assert torch.allclose(torch.nn.functional.linear(by_head.flatten(1), ours), gathered, atol=1e-4)


@pytest.mark.parametrize("heads", [None, 0, 4])
def test_heads_that_do_not_divide(heads):
    assert HEADS_IN.foreign_shape((6, 5), heads) is None


def test_wrong_number_of_axes():
    assert TRANSPOSE.our_shape((3,)) is None
    assert HEADS_IN.our_shape((3, 2)) is None
    assert FLATTEN.our_shape((3, 2, 1)) is None


def test_scopes_join_as_each_side_writes_them():
    rules = under(under((Rule("//w", "x.weight"), Rule("b//c", "y")), "inner", "in"), "outer", "")
    assert [(r.foreign, r.ours) for r in rules] == [("outer/inner//w", "in.x.weight"), ("outer/inner/b//c", "in.y")]
    assert under((Rule("//w", "x"),), "", "")[0].foreign == "w"
    assert under((Rule("w", "x"),), "a.b", "c", separator=".")[0].foreign == "a.b.w"


def test_heads_go_to_divided_axes_of_named_modules_only():
    rules = (Rule("a", "row.attention.q", HEADS_IN), Rule("b", "row.bias", TRANSPOSE), Rule("c", "out", HEADS_OUT))
    assert [r.heads for r in with_heads(rules, {"row": 8})] == [8, None, None]


def test_blocks_are_counted_in_the_model():
    names = ["s.blocks.0.w", "s.blocks.1.w", "t.0.w", "t.1.w", "u.blocks.0.w"]
    rules = (Rule("S//w", "s.blocks.{i}.w"), Rule("T{_i}//w", "t.{i}.w"), Rule("U.{i+1}", "u.blocks.{i}.w"))
    entries = {entry.foreign: entry.ours for entry in expand(rules, names)}
    assert entries == {
        "S//w": ("s.blocks.0.w", "s.blocks.1.w"),
        "T//w": ("t.0.w",),
        "T_1//w": ("t.1.w",),
        "U.1": ("u.blocks.0.w",),
    }


def test_a_stack_without_blocks_has_no_arrays():
    assert list(expand((Rule("S//w", "s.blocks.{i}.w"),), ["x"])) == []
