"""llama.cpp on a GGUF file, with keys and values in F32."""

import llama_cpp
import numpy as np

from jobs import serve

GGML_TYPE_F32 = 0
CONTEXT_TOKENS = 512

# Weights stay as they are in the file: with the repacked ones, builds by gcc 12 crash on CPUs with AMX.
default_params = llama_cpp.llama_model_default_params


def without_repacking():
    params = default_params()
    params.use_extra_bufts = False
    return params


llama_cpp.llama_model_default_params = without_repacking
llama_cpp.llama_cpp.llama_model_default_params = without_repacking


class LlamaCpp:
    def __init__(self, job):
        self.model = llama_cpp.Llama(
            job["model"],
            n_ctx=CONTEXT_TOKENS,
            n_batch=CONTEXT_TOKENS,
            n_ubatch=CONTEXT_TOKENS,
            n_threads=1,
            n_threads_batch=1,
            type_k=GGML_TYPE_F32,
            type_v=GGML_TYPE_F32,
            logits_all=True,
            verbose=False,
        )

    def logits(self, ids):
        self.model.reset()
        self.model.eval(ids)
        return self.model.scores[: len(ids)].copy()

    def greedy_cached(self, prompt, count):
        self.model.reset()
        taken, ids = list(prompt), []
        for _ in range(count):
            self.model.eval(taken)
            ids.append(int(np.argmax(self.model.scores[self.model.n_tokens - 1])))
            taken = ids[-1:]
        return ids


serve(LlamaCpp)
