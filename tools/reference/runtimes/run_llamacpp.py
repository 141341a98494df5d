"""llama.cpp on a GGUF file, with keys and values in F32."""

from itertools import islice

import llama_cpp

from jobs import serve
from unrepacked_weights import model_params

GGML_TYPE_F32 = 0
CONTEXT_TOKENS = 512

llama_cpp.llama_cpp.llama_model_default_params = model_params  # llama_cpp.Llama has no option for it


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

    def continuation(self, token_count):
        self.model.reset()

        def behind(ids):
            self.model.eval(ids)
            return self.model.scores[self.model.n_tokens - 1]

        return behind

    def generate(self, prompt, count):
        return list(islice(self.model.generate(prompt, temp=0), count))


serve(LlamaCpp)
