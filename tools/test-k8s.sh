#!/bin/sh
# The tests of deploy/ on a real cluster; without KUBECONFIG it says what they need. Arguments go to vitest, as in:
#   npm run test:k8s -- faults
set -eu
cd "$(dirname "$0")/.."
sh tools/setup.sh
PATH="$PWD/node_modules/.bin:$PATH"
exec vitest run --config deploy/test/vitest.config.ts "$@"
