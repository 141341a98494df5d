"""Times prefill and decoding of several models in one runtime, in turns, on one thread.

  python time_runs.py RUNTIME PROMPT_TOKENS NEW_TOKENS REPEATS MODEL...

RUNTIME is llamacpp (.gguf files) or genai (folders). Prints JSON: for each model, in the order given, the CPU seconds of each
repeat's prefill and of its decoding. The first turn is not counted.
"""

import json
import os
import sys
import time

import numpy as np

runtime, prompt_tokens, new_tokens, repeats = sys.argv[1], *map(int, sys.argv[2:5])
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # what libraries print is no answer
CONTEXT_TOKENS = prompt_tokens + new_tokens + 1


class LlamaCpp:
    def __init__(self, path):
        import llama_cpp
        from unrepacked_weights import model_params

        self.llama_cpp = llama_cpp
        llama_cpp.llama_backend_init()
        self.model = llama_cpp.llama_model_load_from_file(path.encode(), model_params())
        if not self.model:
            raise RuntimeError(f"{path}: llama.cpp does not load it")
        context = llama_cpp.llama_context_default_params()
        context.n_ctx = context.n_batch = context.n_ubatch = CONTEXT_TOKENS
        context.n_threads = context.n_threads_batch = 1
        self.context = llama_cpp.llama_init_from_model(self.model, context)

    def start(self):
        self.llama_cpp.llama_memory_clear(self.llama_cpp.llama_get_memory(self.context), True)

    def feed(self, ids):
        tokens = (self.llama_cpp.llama_token * len(ids))(*ids)
        batch = self.llama_cpp.llama_batch_get_one(tokens, len(ids))
        if self.llama_cpp.llama_decode(self.context, batch) != 0:
            raise RuntimeError("llama_decode failed")


class GenAi:
    def __init__(self, path):
        import onnxruntime_genai as og

        self.og = og
        config = og.Config(path)
        options = {"intra_op_num_threads": 1, "inter_op_num_threads": 1}
        config.overlay(json.dumps({"model": {"decoder": {"session_options": options}}}))
        self.model = og.Model(config)

    def start(self):
        params = self.og.GeneratorParams(self.model)
        params.set_search_options(max_length=CONTEXT_TOKENS, do_sample=False)
        self.generator = self.og.Generator(self.model, params)

    def feed(self, ids):
        self.generator.append_tokens(np.array([ids], dtype=np.int32))


def cpu_seconds(work):
    started = time.process_time()
    work()
    return time.process_time() - started


def decode(model):
    for token in range(new_tokens):
        model.feed([1000 + token])


models = [{"llamacpp": LlamaCpp, "genai": GenAi}[runtime](path) for path in sys.argv[5:]]
times = [{"prefill": [], "decode": []} for _ in models]
prompt = [1000 + i for i in range(prompt_tokens)]
for turn in range(repeats + 1):
    for model, kept in zip(models, times):
        model.start()
        seconds = {"prefill": cpu_seconds(lambda: model.feed(prompt)), "decode": cpu_seconds(lambda: decode(model))}
        if turn > 0:
            for name, value in seconds.items():
                kept[name].append(value)
answers.write(json.dumps(times))
