"""Computes the reference numbers of the tiny models with transformers (see README.md in this folder).

    python3 -m venv .cache/reference
    .cache/reference/bin/pip install torch==2.15.0 transformers==5.23.0
    node libs/testkit/src/make-tiny-models.ts .cache/tiny-models
    .cache/reference/bin/python tools/reference/tiny_models.py .cache/tiny-models

Rows go through the model one at a time, without padding, in fp32 with eager attention. The log-softmax is
taken in float64 on the fp32 logits. Removing a block makes its contribution to the residual stream zero.
"""

import argparse
import json
import re
from contextlib import contextmanager
from pathlib import Path

import torch
import transformers
from transformers import AutoModelForCausalLM

FIXTURE = Path(__file__).resolve().parents[2] / "libs/testkit/fixtures/tiny-models.json"
SIGNIFICANT_DIGITS = 9
KINDS = ("mha", "mlp")


def format_mask(blocks):
    """The canonical text form, `mha.3+mlp.7`: block 2*layer is mha, 2*layer+1 is mlp, in ascending order."""
    return "+".join(f"{KINDS[block % 2]}.{block // 2}" for block in sorted(blocks))


def masks_to_score(layer_count):
    """Every single block, a whole layer, and two pairs of blocks from different layers."""
    last = layer_count - 1
    singles = [[block] for block in range(2 * layer_count)]
    return singles + [[2, 3], [1, 2 * last], [2, 2 * last + 1]]


def zero_attention(*_, hidden_states, **__):
    return torch.zeros_like(hidden_states), None


@contextmanager
def removed(model, blocks):
    """Makes the blocks return zeros, so that the residual stream passes them by."""
    kept = []
    for block in blocks:
        layer = model.model.layers[block // 2]
        module, zeros = (layer.mlp, torch.zeros_like) if block % 2 else (layer.self_attn, zero_attention)
        kept.append((module, module.forward))
        module.forward = zeros
    try:
        yield
    finally:
        for module, forward in kept:
            module.forward = forward


@torch.no_grad()
def row_mean_nats(model, row):
    """Mean negative log-likelihood of tokens 1..T-1, each given those before it."""
    ids = torch.tensor(row)
    logits = model(ids[None], use_cache=False).logits[0, :-1].double()
    nll = -torch.log_softmax(logits, dim=-1).gather(1, ids[1:, None])
    return nll.mean().item()


def score_rows(model, rows, blocks):
    with removed(model, blocks):
        means = [row_mean_nats(model, row) for row in rows]
    return [float(f"{mean:.{SIGNIFICANT_DIGITS}g}") for mean in means]


def score_model(folder, rows, dtype):
    model, loading = AutoModelForCausalLM.from_pretrained(
        folder, dtype=dtype, attn_implementation="eager", output_loading_info=True
    )
    wrong = {problem: tensors for problem, tensors in loading.items() if tensors}
    if wrong:  # transformers would go on with random weights
        raise SystemExit(f"{folder}: the tensors are not those the config asks for: {wrong}")
    model.eval()
    masks = masks_to_score(model.config.num_hidden_layers)
    return {
        "dense": score_rows(model, rows, []),
        "masks": {format_mask(blocks): score_rows(model, rows, blocks) for blocks in masks},
    }


def to_json(reference):
    """One line for each list of row means."""
    text = json.dumps(reference, indent=1)
    return re.sub(r"\[[^\[\]]*\]", lambda numbers: re.sub(r"\s+", " ", numbers[0]), text) + "\n"


def main():
    parser = argparse.ArgumentParser(description="Reference numbers of the tiny models.")
    parser.add_argument("models", type=Path, help="folder that make-tiny-models.ts wrote")
    parser.add_argument("--output", type=Path, default=FIXTURE, help="JSON file to write (default: the fixture)")
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32")
    arguments = parser.parse_args()
    rows = json.loads((arguments.models / "rows.json").read_text())
    dtype = getattr(torch, arguments.dtype)
    models = {name: score_model(arguments.models / name, rows[name], dtype) for name in rows}
    reference = {"transformers": transformers.__version__, "torch": torch.__version__, "models": models}
    arguments.output.write_text(to_json(reference))


if __name__ == "__main__":
    main()
