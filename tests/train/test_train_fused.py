"""The fused step gives PEFT's loss and gradients."""

import pytest

from enactor.train.batches import pack
from enactor.train.rows import encode_rows

pytestmark = pytest.mark.train
torch = pytest.importorskip("torch")


def _model(tiny_base, *, fused, dtype):
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    from enactor.train.fused import fuse, use_shared_prefix
    from enactor.train.recipe import PROJECTIONS

    model = AutoModelForCausalLM.from_pretrained(tiny_base, dtype=dtype)
    torch.manual_seed(1)
    made = get_peft_model(
        model, LoraConfig(r=4, lora_alpha=8, target_modules=list(PROJECTIONS), task_type="CAUSAL_LM")
    )
    for name, parameter in made.named_parameters():
        if "lora_B" in name:  # zero at the start, which would hide half of the gradients
            torch.nn.init.normal_(parameter, std=0.2)
    if fused:
        assert fuse(made) == 2 * 7 + 2 * 2 + 1 + 2
        use_shared_prefix(made)
    return made


def _examples(tiny_base, rows):
    from transformers import AutoTokenizer

    return encode_rows(rows[:5], AutoTokenizer.from_pretrained(tiny_base), 200).kept


def _loss_and_gradients(model, loss):
    loss.backward()
    return loss.item(), {n: p.grad for n, p in model.named_parameters() if p.requires_grad}


@pytest.mark.parametrize("share", [True, False])
def test_loss_and_gradients_are_those_of_peft(tiny_base, rows, share):
    from enactor.train.fused import answer_loss
    from enactor.train.plain import plain_loss

    examples = _examples(tiny_base, rows)
    model = _model(tiny_base, fused=True, dtype=torch.float32)
    batch = pack(examples, 0, share=share)
    assert (batch.layout.prefix >= 20) == share
    fused, ours = _loss_and_gradients(model, answer_loss(model, batch))
    reference = _model(tiny_base, fused=False, dtype=torch.float32)
    plain, theirs = _loss_and_gradients(reference, plain_loss(reference, pack(examples, 0, share=False)))
    assert fused == pytest.approx(plain, rel=1e-5)
    assert ours.keys() == theirs.keys()
    for name, gradient in theirs.items():
        torch.testing.assert_close(ours[name], gradient, rtol=1e-3, atol=1e-3 * gradient.abs().max().item())


def test_loss_is_that_of_each_row_alone(tiny_base, rows):
    """Transformers' own loss, one row at a time: nothing leaks between rows, nothing is lost."""
    from enactor.train.fused import answer_loss

    examples = _examples(tiny_base, rows)
    model = _model(tiny_base, fused=True, dtype=torch.float32)
    reference = _model(tiny_base, fused=False, dtype=torch.float32)
    total = 0.0
    for example in examples:
        ids, labels = torch.tensor([example.ids]), torch.tensor([example.labels])
        places = (labels[:, 1:] != -100).sum().item()
        total += reference(input_ids=ids, labels=labels).loss.item() * places
    assert answer_loss(model, pack(examples, 0)).item() == pytest.approx(total, rel=1e-5)


def test_bfloat16_stays_near_float32(tiny_base, rows):
    from enactor.train.fused import answer_loss

    batch = pack(_examples(tiny_base, rows), 0)
    wide = _model(tiny_base, fused=True, dtype=torch.float32)
    narrow = _model(tiny_base, fused=True, dtype=torch.bfloat16)
    trained = [p for p in narrow.parameters() if p.requires_grad]
    assert all(p.dtype == torch.float32 for p in trained)
    exact = answer_loss(wide, batch).item()
    assert answer_loss(narrow, batch).item() == pytest.approx(exact, rel=0.02)


def test_what_does_not_fit_is_left_to_peft(tiny_base):
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    from enactor.train.fused import fuse

    model = AutoModelForCausalLM.from_pretrained(tiny_base)
    config = LoraConfig(r=4, lora_dropout=0.1, target_modules=["q_proj"], task_type="CAUSAL_LM")
    made = get_peft_model(model, config)
    fuse(made)
    layer = made.base_model.model.model.layers[0].self_attn.q_proj
    assert "forward" not in vars(layer)
