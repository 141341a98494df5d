"""Quantizes a GGUF as llama.cpp does: the file, the one to write, and the name of a file type, as Q4_K_M."""

import ctypes
import sys

import llama_cpp

source, target, file_type = sys.argv[1:]
params = llama_cpp.llama_model_quantize_default_params()
params.ftype = getattr(llama_cpp, f"LLAMA_FTYPE_MOSTLY_{file_type}")
params.nthread = 1
sys.exit(llama_cpp.llama_model_quantize(source.encode(), target.encode(), ctypes.byref(params)))
