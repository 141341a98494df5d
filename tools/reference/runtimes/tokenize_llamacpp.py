"""Token ids that llama.cpp gives texts: of a GGUF named as argument, and a JSON list of texts on standard input."""

import json
import sys

import llama_cpp

model = llama_cpp.Llama(sys.argv[1], vocab_only=True, verbose=False)
texts = json.load(sys.stdin)
print(json.dumps([model.tokenize(text.encode(), add_bos=True, special=True) for text in texts]))
