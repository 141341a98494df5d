"""One evaluation of the block search of arXiv 2406.10594 in PyTorch on the CPU, timed.

The search scores every candidate with a whole forward pass over all calibration rows. This script measures such
passes at points spread evenly over a search of `--remove` blocks, and prints one JSON object. `--loss reference`
is the loss path of the paper's own script: logits of every position, cross-entropy over permuted logits.
`--loss chunked` is the same loop as fast as we could make it: no attention mask, logits of a chunk of positions at a
time and only of those that predict.

    python search.py --model DIR --rows rows.json --loss reference --dtype float32 --batch 8
"""

import argparse
import json
import os
import time

import torch
import transformers
from torch import nn
from transformers import AutoModelForCausalLM


class MaskedLayer(nn.Module):
    """A decoder layer without its attention block, its feed-forward block, or both."""

    def __init__(self, layer, kinds):
        super().__init__()
        self.layer = layer
        self.kinds = kinds

    def forward(self, hidden_states, **kwargs):
        layer = self.layer
        if "mha" not in self.kinds:
            normed = layer.input_layernorm(hidden_states)
            hidden_states = hidden_states + layer.self_attn(hidden_states=normed, **kwargs)[0]
        if "mlp" not in self.kinds:
            hidden_states = hidden_states + layer.mlp(layer.post_attention_layernorm(hidden_states))
        return hidden_states


def apply_mask(model, mask):
    """Replaces the masked layers; returns what undoes it."""
    originals = {}
    for kind, index in mask:
        layers = model.model.layers
        if index in originals:
            layers[index].kinds.add(kind)
        else:
            originals[index] = layers[index]
            layers[index] = MaskedLayer(layers[index], {kind})
    return originals


def undo_mask(model, originals):
    for index, layer in originals.items():
        model.model.layers[index] = layer


def reference_loss(model, batch, _chunk):
    logits = model(input_ids=batch, attention_mask=torch.ones_like(batch), use_cache=False).logits[:, :-1, :]
    targets = batch[:, 1:]
    nll = nn.functional.cross_entropy(logits.permute(0, 2, 1), targets, reduction="none").float()
    return nll.sum(dim=1) / targets.shape[1]


def chunked_loss(model, batch, chunk):
    hidden = model.model(input_ids=batch[:, :-1], use_cache=False).last_hidden_state
    targets = batch[:, 1:].reshape(-1)
    flat = hidden.reshape(-1, hidden.shape[-1])
    parts = [
        nn.functional.cross_entropy(model.lm_head(flat[i : i + chunk]).float(), targets[i : i + chunk], reduction="none")
        for i in range(0, len(flat), chunk)
    ]
    return torch.cat(parts).view(len(batch), -1).mean(dim=1)


def score(model, rows, loss, batch, chunk):
    """Mean over rows of the row's mean negative log-likelihood, in nats."""
    means = [loss(model, rows[i : i + batch], chunk) for i in range(0, len(rows), batch)]
    return torch.cat(means).double().mean().item()


def sample_masks(layers, remove, count):
    """Masks that a search of `remove` blocks scores: attention blocks go first, as they do in most models."""
    for i in range(count):
        removed = (2 * i + 1) * remove // (2 * count)
        base = {("mha", layer * layers // max(1, removed)) for layer in range(removed)}
        kind = "mlp" if i % 2 else "mha"
        candidate = next((kind, layer) for layer in range(layers // 2, layers) if (kind, layer) not in base)
        yield base | {candidate}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="Hugging Face folder")
    parser.add_argument("--rows", required=True, help="JSON: rows of token ids, all of one length")
    parser.add_argument("--loss", choices=["reference", "chunked"], default="reference")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--batch", type=int, default=8, help="rows a forward pass")
    parser.add_argument("--chunk", type=int, default=256, help="positions whose logits exist at a time (chunked)")
    parser.add_argument("--remove", type=int, default=12, help="blocks that the search would remove")
    parser.add_argument("--evaluations", type=int, default=3, help="evaluations to time, after one that is not")
    parser.add_argument("--compile", action="store_true", help="torch.compile the blocks")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    model = AutoModelForCausalLM.from_pretrained(args.model, dtype=getattr(torch, args.dtype)).eval()
    with open(args.rows, encoding="utf-8") as file:
        rows = torch.tensor(json.load(file))
    loss = reference_loss if args.loss == "reference" else chunked_loss
    guard = torch.no_grad if args.loss == "reference" else torch.inference_mode
    if args.compile:
        # Block by block: the whole model would be compiled anew for every mask.
        for layer in model.model.layers:
            layer.self_attn.compile(dynamic=False)
            layer.mlp.compile(dynamic=False)

    evaluations = []
    with guard():
        dense = score(model, rows, loss, args.batch, args.chunk)
        for mask in sample_masks(len(model.model.layers), args.remove, args.evaluations):
            wall, cpu = time.perf_counter(), time.process_time()
            originals = apply_mask(model, mask)
            value = score(model, rows, loss, args.batch, args.chunk)
            undo_mask(model, originals)
            evaluations.append(
                {"removed": len(mask), "score": value, "seconds": time.perf_counter() - wall, "cpuSeconds": time.process_time() - cpu}
            )
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    print(json.dumps({"versions": versions, "threads": args.threads, "denseScore": dense, "evaluations": evaluations}))


if __name__ == "__main__":
    main()
