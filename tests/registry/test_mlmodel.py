"""What an MLmodel file tells, and what a hostile one cannot do."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lapwise.core.errors import ModelError
from lapwise.core.model import Column, Signature
from lapwise.registry import read_signature

WRITTEN = b"""artifact_path: model
flavors:
  python_function:
    signature: {inputs: 'not this one'}
signature:
  inputs: '[{"type": "double", "name": "a''b", "required": true}, {"type": "string",
    "name": "c", "required": false}, {"type": "long", "required": true}]'
  outputs: '[{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1]}}]'
  params: null
"""
NOTHING = Signature(inputs=(), outputs=())


def test_a_signature_is_read_as_columns() -> None:
    found = read_signature(WRITTEN)
    assert found.inputs == (
        Column(name="a'b", dtype="Float64", nullable=False),
        Column(name="c", dtype="String", nullable=True),
        Column(name="2", dtype="Int64", nullable=False),
    )
    assert [(one.name, one.dtype) for one in found.outputs] == [
        ("0", '{"type":"tensor","tensor-spec":{"dtype":"float64","shape":[-1]}}')
    ]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"signature: null\n",
        b"flavors: {}\n",
        b"- a\n- b\n",
        b"signature:\n  inputs: null\n",
        b"!!python/object/apply:os.system ['touch /tmp/owned']\n",
        b"signature: !!python/object/apply:os.system ['touch /tmp/owned']\n",
        b"a: &a [1, 2]\nsignature: *a\n",
        b"--- {}\n---\nsignature: {inputs: '[{}]'}\n",
    ],
)
def test_a_file_without_a_signature_has_none(content: bytes) -> None:
    assert read_signature(content) == NOTHING


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe",
        b"signature: [",
        b"signature: {inputs: 'no JSON'}\n",
        b"signature: {inputs: '{}'}\n",
        b"[" * 100_000,
        b"x: " * 5_000_000,
    ],
)
def test_a_file_that_is_none_is_refused(content: bytes) -> None:
    with pytest.raises(ModelError, match="MLmodel"):
        read_signature(content)


def test_aliases_that_would_explode_cost_nothing() -> None:
    lines = ["a0: &a0 {k: v}"]
    lines += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 40)]
    assert read_signature("\n".join(lines).encode()) == NOTHING


@given(st.binary(max_size=400))
def test_any_bytes_give_a_signature_or_a_clear_error(content: bytes) -> None:
    with contextlib.suppress(ModelError):
        read_signature(content)
