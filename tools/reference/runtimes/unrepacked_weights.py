"""llama.cpp with its weights as they are in the file: with repacked ones, builds by gcc 12 crash on CPUs with AMX."""

import llama_cpp

default_params = llama_cpp.llama_model_default_params


def model_params():
    params = default_params()
    params.use_extra_bufts = False
    return params
