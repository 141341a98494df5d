"""ONNX Runtime GenAI on a folder with genai_config.json."""

import numpy as np
import onnxruntime_genai as og

from jobs import serve


class GenAi:
    def __init__(self, job):
        self.model = og.Model(job["model"])

    def generator(self, token_count):
        params = og.GeneratorParams(self.model)
        params.set_search_options(max_length=token_count, do_sample=False)
        return og.Generator(self.model, params)

    def logits(self, ids):
        generator = self.generator(len(ids) + 1)
        generator.append_tokens(np.array([ids], dtype=np.int32))
        return generator.get_output("logits")[0]

    def continuation(self, token_count):
        generator = self.generator(token_count + 1)

        def behind(ids):
            generator.append_tokens(np.array([ids], dtype=np.int32))
            return generator.get_output("logits")[0, -1]

        return behind

    def generate(self, prompt, count):
        generator = self.generator(len(prompt) + count)
        generator.append_tokens(np.array([prompt], dtype=np.int32))
        ids = []
        while not generator.is_done():
            generator.generate_next_token()
            ids.append(int(generator.get_next_tokens()[0]))
        return ids


serve(GenAi)
