#!/bin/sh
# Regenerates src/gen from onnx/onnx.proto (ONNX 1.23.2, Apache-2.0).
set -eu
cd "$(dirname "$0")"
export PATH="$PWD/../../node_modules/.bin:$PATH"
buf generate onnx --template '{"version":"v2","plugins":[{"local":"protoc-gen-es","out":"src/gen","opt":["target=js+dts","js_import_style=module"]}]}'
