"""Rewrites a `deci` GGUF so that a layer with attention has no feed-forward block at all: what llama.cpp computes wrongly.

  python without_feed_forward.py SOURCE.gguf TARGET.gguf LAYER
"""

import sys

from gguf import GGUFReader, GGUFValueType, GGUFWriter

source, target, layer = sys.argv[1], sys.argv[2], int(sys.argv[3])
reader = GGUFReader(source)
writer = GGUFWriter(target, "deci")
for name, field in reader.fields.items():
    if name.startswith("GGUF.") or name == "general.architecture":
        continue
    value = field.contents()
    if name == "deci.feed_forward_length":
        value[layer] = 0
    element = field.types[1] if field.types[0] == GGUFValueType.ARRAY else None
    writer.add_key_value(name, value, field.types[0], element)
for tensor in reader.tensors:
    if not tensor.name.startswith(f"blk.{layer}.ffn_"):
        writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
