"""transformers on a Hugging Face folder or a GGUF, in fp32. A job's `removed` blocks (`mha.3`) are made to add zeros."""

from pathlib import Path

import torch
from transformers import AutoModelForCausalLM
from transformers.cache_utils import DynamicCache

from jobs import serve

torch.set_num_threads(1)
torch.set_grad_enabled(False)


def load(path):
    """Weights of a GGUF are decoded by the package gguf."""
    folder, options = (path.parent, {"gguf_file": path.name}) if path.suffix == ".gguf" else (path, {})
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, trust_remote_code=True, **options).eval()


def add_zeros(linear):
    linear.weight.zero_()
    if linear.bias is not None:
        linear.bias.zero_()


class Transformers:
    def __init__(self, job):
        self.model = load(Path(job["model"]))
        for block in job.get("removed", []):
            kind, layer = block.split(".")
            modules = self.model.model.layers[int(layer)]
            add_zeros(modules.self_attn.o_proj if kind == "mha" else modules.mlp.down_proj)

    def logits(self, ids):
        return self.model(torch.tensor([ids]), use_cache=False).logits[0].numpy()

    def continuation(self, token_count):
        """By a bare cache, whose length the model takes positions from."""
        cache = DynamicCache(config=self.model.config)
        return lambda ids: self.model(torch.tensor([ids]), past_key_values=cache, use_cache=True).logits[0, -1]

    def generate(self, prompt, count):
        options = {"do_sample": False, "min_new_tokens": count, "max_new_tokens": count}
        return self.model.generate(torch.tensor([prompt]), **options)[0, len(prompt) :].tolist()


serve(Transformers)
