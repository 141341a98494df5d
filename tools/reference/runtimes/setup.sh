#!/bin/sh
# Makes the Python environment of `npm run test:runtimes` and `npm run bench -- speedup` in .cache/runtimes/venv. Builds
# llama.cpp from its sources (cmake and a C++ compiler, some minutes). Arguments go to pip install, for instance an index
# that has CPU builds of torch: PyPI has only the CUDA build for x86-64 (some 5 GB).
set -eu
cd "$(dirname "$0")/../../.."
python3 -m venv .cache/runtimes/venv
PATH="$PWD/.cache/runtimes/venv/bin:$PATH"
pip install --quiet "$@" torch==2.15.0 transformers==5.23.0 gguf==0.19.0 \
  onnxruntime==1.32.0 onnxruntime-genai==0.18.0 "mlx[cpu]==0.32.4" mlx-lm==0.32.2
# Without the build of its tools and of what reads images.
CMAKE_ARGS='-DLLAVA_BUILD=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF' \
  pip install --quiet "$@" --no-binary llama-cpp-python llama-cpp-python==0.3.36
python -c 'import llama_cpp, mlx.core, mlx_lm, onnxruntime_genai, torch, transformers; print("ready")'
