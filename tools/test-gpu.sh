#!/bin/sh
# The tests that need an NVIDIA GPU: numbers, placement, memory, pinning, speed. Prints "no GPU" and why, and exits 1,
# where there is none. Arguments go to vitest, as in: npm run test:gpu -- numerics
# Installs nothing: npm ci would take the CUDA provider away again.
set -eu
cd "$(dirname "$0")/.."
PATH="$PWD/node_modules/.bin:$PATH"
node libs/inference/gpu/require-gpu.ts
exec vitest run --config libs/inference/gpu/vitest.config.ts "$@"
