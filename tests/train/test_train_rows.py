import pytest
from hypothesis import given
from hypothesis import strategies as st

from enactor.prompt import Segment, render_row, tool_call
from enactor.trace.values import Message
from enactor.train import RowsError, encode, encode_rows
from enactor.train.batches import pack, plan, shared_prefix
from enactor.train.rows import IGNORED, Example

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def tokenizer(tiny_base):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny_base)


def test_ids_are_those_of_the_segments_and_labels_stand_on_answers(tokenizer, rows):
    example = encode(rows[0], tokenizer)
    text = "".join(segment.text for segment in rows[0])
    assert tokenizer.decode(example.ids) == text
    trained = [label for label in example.labels if label != IGNORED]
    assert tokenizer.decode(trained) == rows[0][2].text
    assert trained[-1] == tokenizer.eos_token_id
    assert all(label in (IGNORED, token) for token, label in zip(example.ids, example.labels, strict=True))


def test_masked_turns_and_results_of_a_real_row_carry_no_loss(tokenizer):
    messages = [
        Message("user", "kill 5 cows"),
        Message("assistant", "", (tool_call("send_command", {"command": "KILL cows 5"}),)),
        Message("tool", '{"status": "error"}'),
        Message("assistant", "", (tool_call("send_command", {"command": "KILL_LOOP cows none 5"}),)),
    ]
    example = encode(render_row(messages, masked={1}), tokenizer)
    trained = tokenizer.decode([label for label in example.labels if label != IGNORED])
    assert trained.startswith("<tool_call>")
    assert "KILL_LOOP cows none 5" in trained
    assert trained.endswith("</tool_call><|im_end|>")
    assert trained.count("<tool_call>") == 1


def test_long_rows_are_counted_and_dropped_whole(tokenizer, rows):
    lengths = [len(encode(row, tokenizer).ids) for row in rows]
    limit = sorted(lengths)[20]
    examples = encode_rows(rows, tokenizer, limit)
    assert examples.too_long == sum(length > limit for length in lengths) > 0
    assert [len(e.ids) for e in examples.kept] == [n for n in lengths if n <= limit]
    assert examples.answer_tokens < examples.tokens == sum(len(e.ids) for e in examples.kept)


def test_rows_that_cannot_be_trained_on_are_refused(tokenizer, rows):
    with pytest.raises(RowsError, match="row 2 has no answer"):
        encode_rows([rows[0], [Segment("only words", False)]], tokenizer, 200)
    with pytest.raises(RowsError, match="all 30 are longer"):
        encode_rows(rows, tokenizer, 8)
    with pytest.raises(RowsError, match="no rows"):
        encode_rows([], tokenizer, 8)


def test_hash_depends_on_tokens_mask_and_order(tokenizer, rows):
    def identity(which):
        return encode_rows(which, tokenizer, 200).hash

    assert identity(rows) == identity(list(rows))
    assert identity(rows) != identity(rows[::-1])
    unmasked = [Segment(rows[0][0].text, True), *rows[0][1:]]
    assert identity(rows) != identity([unmasked, *rows[1:]])


@given(
    lengths=st.lists(st.integers(1, 300), min_size=1, max_size=80),
    batch=st.integers(1, 9),
    epochs=st.integers(1, 3),
    seed=st.integers(0, 5),
)
def test_each_row_stands_once_in_each_epoch(lengths, batch, epochs, seed):
    steps = plan(lengths, batch, epochs, seed)
    assert steps == plan(lengths, batch, epochs, seed)
    per_epoch = -(-len(lengths) // batch)
    assert len(steps) == epochs * per_epoch
    for epoch in range(epochs):
        rows = [row for step in steps[epoch * per_epoch : (epoch + 1) * per_epoch] for row in step]
        assert sorted(rows) == list(range(len(lengths)))
    assert all(1 <= len(step) <= batch for step in steps)


def test_lengths_in_a_batch_are_alike():
    lengths = [(7 * row) % 160 + 1 for row in range(160)]
    steps = plan(lengths, 16, 1, 0)
    padded = sum(max(lengths[row] for row in step) * len(step) for step in steps)
    assert padded < 1.12 * sum(lengths)


@given(st.lists(st.lists(st.integers(1, 2), min_size=3, max_size=9), min_size=1, max_size=5), st.booleans())
def test_packing_keeps_every_token_and_target(rows, share):
    examples = [Example(tuple(ids), (IGNORED, IGNORED, *ids[2:])) for ids in rows]
    batch = pack(examples, pad=0, share=share)
    prefix, count, length = batch.layout.prefix, batch.layout.rows, batch.layout.length
    assert prefix == (shared_prefix(examples) if share else 0) <= 1
    own = batch.ids[0, prefix:].view(count, length)
    positions = batch.positions[0, prefix:].view(count, length)
    for row, example in enumerate(examples):
        kept = len(example.ids) - prefix
        assert [*batch.ids[0, :prefix].tolist(), *own[row, :kept].tolist()] == list(example.ids)
        assert own[row, kept:].tolist() == [0] * (length - kept)
        assert positions[row].tolist() == list(range(prefix, prefix + length))
        expected = [*example.labels[prefix + 1 :], *[IGNORED] * (length - kept + 1)]
        assert batch.targets[row].tolist() == expected
    assert batch.tokens == sum(map(len, rows))
