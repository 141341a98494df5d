#!/bin/sh
# Makes the Python environment of `npm run bench -- reference` in .cache/bench/venv. Arguments go to pip install, for
# instance an index that has CPU builds of torch: PyPI has only the CUDA build for x86-64 (some 5 GB).
set -eu
cd "$(dirname "$0")/../.."
python3 -m venv .cache/bench/venv
.cache/bench/venv/bin/python -m pip install --quiet "$@" torch==2.15.0 transformers==5.23.0
.cache/bench/venv/bin/python -c 'import torch, transformers; print(torch.__version__, transformers.__version__)'
