#!/usr/bin/env bash
# Builds the fuzz targets of the client or of the simulator, and runs each of them for SECONDS; `.ci/run` chooses how many.
# Inputs that reach new code stay in target/fuzz/corpus, where a later run continues. Fails at the first input that crashes
# a target, and prints its path. It needs g++. Usage: run.sh client|simulator SECONDS [TARGET...]
set -euo pipefail
cd "$(dirname "$0")/../.."

case $1 in
    client) folder=tests/fuzz ;;
    simulator) folder=tests/fuzz/simulator ;;
    *) echo "usage: run.sh client|simulator SECONDS [TARGET...]" >&2; exit 2 ;;
esac
seconds=$2
shift 2

if ! command -v g++ >/dev/null; then
    echo "fuzz: skipped: there is no g++, which libFuzzer is built with"
    exit
fi
if ! .ci/install-cargo-program fuzz 0.13.2; then
    echo "fuzz: skipped: cargo-fuzz cannot be installed, see the messages above"
    exit
fi
export PATH="$PWD/target/tools/bin:$PATH"
CARGO_TARGET_DIR=$(realpath "${CARGO_TARGET_DIR:-target}")
export CARGO_TARGET_DIR
work=$PWD/target/fuzz

rm -rf "$work/seeds"
cargo run --quiet --manifest-path tests/fuzz/Cargo.toml --package wecom-kf-fuzz-seeds -- "$work/seeds"

# Without this variable, the stable compiler refuses the flags of cargo-fuzz.
export RUSTC_BOOTSTRAP=1
# No sanitizer, because these crates have no unsafe code, and a sanitizer halves the speed.
options=(--sanitizer none --fuzz-dir "$folder")
cargo fuzz build "${options[@]}"

# fuzz TARGET: runs a target. Prints how many inputs were tried and which part of the code they reached, or the crash.
fuzz() {
    local target=$1 corpus=$work/corpus/$1 log=$work/$1.log
    mkdir -p "$corpus"
    if cargo fuzz run "${options[@]}" "$target" "$corpus" "$work/seeds/$target" -- \
        -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1536 >"$log" 2>&1; then
        printf '%-10s %s\n' "$target" "$(grep --text 'DONE ' "$log")"
    else
        tail -n 60 "$log"
        exit 1
    fi
}

[ $# -gt 0 ] || mapfile -t all < <(cargo fuzz list --fuzz-dir "$folder")
for target in "${@:-${all[@]}}"; do
    fuzz "$target"
done
