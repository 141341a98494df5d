"""A Llama model that lacks some of its blocks. Written by BlockPruner."""

from torch import nn
from transformers import LlamaForCausalLM

from .configuration_decilm import DeciLMConfig


class NoAttention(nn.Module):
    def forward(self, hidden_states, **_):
        return 0.0, None


class NoMLP(nn.Module):
    def forward(self, hidden_states):
        return 0.0


class DeciLMForCausalLM(LlamaForCausalLM):
    config_class = DeciLMConfig

    def __init__(self, config):
        super().__init__(config)
        cached = 0
        for layer, block in zip(self.model.layers, config.block_configs):
            if block.attention.no_op:
                layer.self_attn, layer.input_layernorm = NoAttention(), nn.Identity()
            else:
                # The cache of keys and values takes its length from slot 0, so slots count the layers that use them.
                layer.self_attn.layer_idx = cached
                cached += 1
            if block.ffn.no_op:
                layer.mlp, layer.post_attention_layernorm = NoMLP(), nn.Identity()
