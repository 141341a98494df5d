#!/bin/sh
# Every check of the project, one after the other; the last line counts them together with the tests.
set -u
cd "$(dirname "$0")/.." || exit 1
sh tools/setup.sh model || exit 1
PATH="$PWD/node_modules/.bin:$PATH"
export NX_DAEMON=false NX_NO_CLOUD=true
# As in bin/blockpruner: tests start some thousand processes.
export NODE_COMPILE_CACHE="$PWD/node_modules/.cache/node"

passed=0
failed=0
check() {
  name=$1
  shift
  echo "== $name: $*"
  if "$@"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "== $name FAILED" >&2
  fi
}

check format prettier --check --log-level warn .
check typecheck nx run-many -t typecheck --parallel=2 --outputStyle=static
check typecheck-root tsc -p tsconfig.json
check lint nx run-many -t lint --parallel=2 --outputStyle=static
check dead-code knip
check proto-lint buf lint proto

report=$(mktemp)
trap 'rm -f "$report"' EXIT
vitest run --reporter=default --reporter=json --outputFile.json="$report" "$@"
status=$?
counts=$(node -e '
  const { numPassedTests, numFailedTests, numFailedTestSuites } = JSON.parse(require("fs").readFileSync(process.argv[1], "utf8"));
  console.log(numPassedTests, numFailedTests);
' "$report") || counts="0 1"
passed=$((passed + ${counts% *}))
failed=$((failed + ${counts#* }))
# A test file that cannot even be loaded has no failed test in it.
if [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then failed=1; fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
