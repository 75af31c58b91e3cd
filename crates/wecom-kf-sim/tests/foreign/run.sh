#!/usr/bin/env bash
# What others' programs say of the simulator: schemathesis (from PyPI) of both documents, wechatpy of the lines to paste.
# Needs python3 with venv, and curl. Usage: run.sh [CARGO_TARGET_DIR]
set -euo pipefail
cd "$(dirname "$0")/../../../.."

target=${1:-target}
foreign=crates/wecom-kf-sim/tests/foreign
venv=$target/foreign-venv
sim=$target/debug/wecom-kf-sim

cargo build --package wecom-kf-sim --bin wecom-kf-sim --target-dir "$target"
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$foreign/requirements.txt"

# No 5xx, no panic, every reply as documented. Lenient: otherwise nearly all it makes up is refused for an unknown field.
VENV=$venv SPEC=spec/wecom-kf.yaml "$sim" --port 0 --strictness lenient --servicer zhangsan run -- "$foreign/platform.sh"
VENV=$venv "$sim" --port 0 --servicer zhangsan run -- "$foreign/control.sh"
VENV=$venv SIM=$sim "$sim" --port 0 run --check -- "$foreign/wechatpy.sh"
