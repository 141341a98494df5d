"""transformers on a Hugging Face folder, in fp32. A job's `removed` blocks (`mha.3`) are made to add zeros."""

import torch
from transformers import AutoModelForCausalLM
from transformers.cache_utils import DynamicCache

from jobs import serve

torch.set_num_threads(1)


def add_zeros(linear):
    linear.weight.zero_()
    if linear.bias is not None:
        linear.bias.zero_()


class Transformers:
    @torch.no_grad()
    def __init__(self, job):
        self.model = AutoModelForCausalLM.from_pretrained(
            job["model"], dtype=torch.float32, trust_remote_code=True
        ).eval()
        for block in job.get("removed", []):
            kind, layer = block.split(".")
            modules = self.model.model.layers[int(layer)]
            add_zeros(modules.self_attn.o_proj if kind == "mha" else modules.mlp.down_proj)

    @torch.no_grad()
    def logits(self, ids):
        return self.model(torch.tensor([ids]), use_cache=False).logits[0].numpy()

    @torch.no_grad()
    def greedy_cached(self, prompt, count):
        """By a bare cache, whose length the model takes positions from; and by generate(), as users do."""
        cache = DynamicCache(config=self.model.config)
        taken, ids = list(prompt), []
        for _ in range(count):
            logits = self.model(torch.tensor([taken]), past_key_values=cache, use_cache=True).logits
            ids.append(int(logits[0, -1].argmax()))
            taken = ids[-1:]
        generated = self.model.generate(
            torch.tensor([prompt]), do_sample=False, max_new_tokens=count, min_new_tokens=count
        )[0, len(prompt):].tolist()
        if generated != ids:
            raise RuntimeError(f"generate() gives {generated}, a bare cache {ids}")
        return ids


serve(Transformers)
