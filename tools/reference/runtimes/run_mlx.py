"""mlx-lm on a Hugging Face folder, by its own classes: no code of the folder runs."""

from pathlib import Path

import mlx.core as mx
import numpy as np
from mlx_lm.generate import generate_step
from mlx_lm.models.cache import make_prompt_cache
from mlx_lm.utils import load_model

from jobs import serve


class Mlx:
    def __init__(self, job):
        self.model, _ = load_model(Path(job["model"]))

    def logits(self, ids, cache=None):
        return np.array(self.model(mx.array([ids]), cache=cache)[0].astype(mx.float32))

    def continuation(self, token_count):
        cache = make_prompt_cache(self.model)
        return lambda ids: self.logits(ids, cache)[-1]

    def generate(self, prompt, count):
        return [int(token) for token, _ in generate_step(mx.array(prompt), self.model, max_tokens=count)]


serve(Mlx)
