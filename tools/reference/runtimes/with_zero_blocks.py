"""Copies a GGUF whose blocks are to add nothing: their last projections become zeros in the same quantized type.

  python with_zero_blocks.py SOURCE.gguf TARGET.gguf BLOCK...

BLOCK is mha.3 or mlp.3. Nothing else of the file changes: bytes of zeros are blocks of scale zero in every type of llama.cpp.
"""

import shutil
import sys

from gguf import GGUFReader

source, target, *blocks = sys.argv[1:]
shutil.copyfile(source, target)
names = {"mha": "attn_output", "mlp": "ffn_down"}
zeroed = {f"blk.{layer}.{names[kind]}.weight" for kind, layer in (block.split(".") for block in blocks)}
for tensor in GGUFReader(target, "r+").tensors:
    if tensor.name in zeroed:
        tensor.data[:] = 0
        zeroed.remove(tensor.name)
if zeroed:
    sys.exit(f"{source} has no {', '.join(sorted(zeroed))}")
