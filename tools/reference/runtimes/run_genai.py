"""ONNX Runtime GenAI on a folder with genai_config.json."""

import numpy as np
import onnxruntime_genai as og

from jobs import serve


class GenAi:
    def __init__(self, job):
        self.model = og.Model(job["model"])

    def generator(self, max_tokens):
        params = og.GeneratorParams(self.model)
        params.set_search_options(max_length=max_tokens, do_sample=False)
        return og.Generator(self.model, params)

    def logits(self, ids):
        generator = self.generator(len(ids) + 1)
        generator.append_tokens(np.array([ids], dtype=np.int32))
        return generator.get_output("logits")[0].astype(np.float32)

    def greedy_cached(self, prompt, count):
        generator = self.generator(len(prompt) + count + 1)
        taken, ids = list(prompt), []
        for _ in range(count):
            generator.append_tokens(np.array([taken], dtype=np.int32))
            ids.append(int(generator.get_output("logits")[0, -1].argmax()))
            taken = ids[-1:]
        return ids


serve(GenAi)
