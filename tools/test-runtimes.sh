#!/bin/sh
# The tests of exports in the programs that serve them: transformers, mlx-lm, ONNX Runtime GenAI and llama.cpp. Needs what
# tools/reference/runtimes/setup.sh makes, or BLOCKPRUNER_RUNTIMES_PYTHON naming a Python with the same packages.
# Arguments go to vitest, as in: npm run test:runtimes -- -t llama.cpp
set -eu
cd "$(dirname "$0")/.."
python="${BLOCKPRUNER_RUNTIMES_PYTHON:-.cache/runtimes/venv/bin/python}"
if [ ! -x "$python" ]; then
  echo "$python is missing: run sh tools/reference/runtimes/setup.sh, or name another in BLOCKPRUNER_RUNTIMES_PYTHON" >&2
  exit 1
fi
sh tools/setup.sh model
PATH="$PWD/node_modules/.bin:$PATH"
exec vitest run --config test/runtimes/vitest.config.ts "$@"
