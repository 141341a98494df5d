#!/usr/bin/env bash
# Regenerates src/gen from proto/, or writes the same files to the folder given as the one argument.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
PATH="$PWD/../../node_modules/.bin:$PATH"
out="${1:-src/gen}"

# The loader's own options, as flags: types and values cannot drift apart.
mapfile -t flags < <(node --input-type=module -e "
  import { LOAD_OPTIONS } from './src/load-options.ts';
  for (const [name, value] of Object.entries(LOAD_OPTIONS)) {
    console.log('--' + name + (value === true ? '' : '=' + value.name));
  }
")

rm -rf "$out"
proto-loader-gen-types "${flags[@]}" --importFileExtension=.ts --includeDirs=../../proto --outDir="$out" \
  blockpruner/v1/fleet.proto blockpruner/v1/artifact.proto
