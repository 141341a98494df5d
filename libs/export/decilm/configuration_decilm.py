"""Config of a Llama model that lacks some of its blocks, in the format of nemotron-nas. Written by BlockPruner."""

from types import SimpleNamespace

from transformers import LlamaConfig

WIDTH_MULTIPLE = 256


class DeciLMConfig(LlamaConfig):
    model_type = "nemotron-nas"

    def __init__(self, block_configs=(), **kwargs):
        blocks = [
            block
            if isinstance(block, SimpleNamespace)
            else SimpleNamespace(
                attention=SimpleNamespace(**block["attention"]), ffn=SimpleNamespace(**block["ffn"])
            )
            for block in block_configs
        ]
        heads, hidden = kwargs.get("num_attention_heads", 32), kwargs.get("hidden_size", 4096)
        # Both are null in config.json, where each block has its own; LlamaConfig wants a number.
        if kwargs.get("num_key_value_heads") is None:
            groups = [block.attention.n_heads_in_group for block in blocks if not block.attention.no_op]
            kwargs["num_key_value_heads"] = heads // groups[0] if groups else heads
        if kwargs.get("intermediate_size") is None:
            multiples = [block.ffn.ffn_mult for block in blocks if not block.ffn.no_op]
            width = int(2 * (multiples[0] if multiples else 4.0) * hidden / 3)
            kwargs["intermediate_size"] = -(-width // WIDTH_MULTIPLE) * WIDTH_MULTIPLE
        super().__init__(**kwargs)
        # Objects with attributes are what vLLM, SGLang and TensorRT-LLM read.
        self.block_configs = blocks

    def to_dict(self):
        fields = super().to_dict()
        fields["block_configs"] = [
            {"attention": vars(block.attention), "ffn": vars(block.ffn)} for block in self.block_configs
        ]
        return fields
