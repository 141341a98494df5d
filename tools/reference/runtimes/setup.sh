#!/bin/sh
# Makes the Python environment of `npm run test:runtimes` and `npm run bench -- speedup` in .cache/runtimes/venv: 5.8 GB,
# of which 4 are CUDA packages that come with PyPI's torch for x86-64. Builds llama.cpp from its sources (a C++ compiler, 8
# minutes of CPU time). Arguments go to pip install, for instance an index that has CPU builds of torch. Given again, it
# adds what is missing.
set -eu
cd "$(dirname "$0")/../../.."
if ! command -v c++ >/dev/null; then
  echo "c++ is missing, and llama.cpp is built from its sources: install a C++ compiler, as in: apt-get install g++" >&2
  exit 1
fi
python3 -m venv .cache/runtimes/venv
PATH="$PWD/.cache/runtimes/venv/bin:$PATH"
echo "setup: installing torch, transformers, ONNX Runtime GenAI and MLX into $PWD/.cache/runtimes/venv"
pip install --quiet "$@" torch==2.15.0 transformers==5.23.0 accelerate==1.15.0 gguf==0.19.0 \
  onnxruntime==1.32.0 onnxruntime-genai==0.18.0 "mlx[cpu]==0.32.4" mlx-lm==0.32.2
echo "setup: building llama.cpp"
# Without the build of its tools and of what reads images.
CMAKE_ARGS='-DLLAVA_BUILD=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF' \
  pip install --quiet "$@" --no-binary llama-cpp-python llama-cpp-python==0.3.36
python -c 'import accelerate, llama_cpp, mlx.core, mlx_lm, onnxruntime_genai, torch, transformers; print("ready")'
