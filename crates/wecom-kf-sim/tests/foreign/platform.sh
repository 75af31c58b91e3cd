#!/usr/bin/env bash
# The platform's document against the simulator.
set -euo pipefail

gettoken="$WECOM_KF_BASE_URL/cgi-bin/gettoken?corpid=$WECOM_CORP_ID&corpsecret=$WECOM_KF_SECRET"
ACCESS_TOKEN=$(curl --silent "$gettoken" | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
export ACCESS_TOKEN
config=$(mktemp --suffix .toml)
trap 'rm -f "$config"' EXIT
cat >"$config" <<'TOML'
[auth.openapi.access_token]
api_key = "${ACCESS_TOKEN}"
TOML
"$VENV/bin/schemathesis" --config-file "$config" run "$SPEC" --url "$WECOM_KF_BASE_URL" \
    --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance \
    --phases examples,coverage,fuzzing --max-examples 30 --seed 7 --no-color
# It is still there, and still has its account.
curl --silent --fail "$WECOM_KF_BASE_URL/sim/v1/state" | grep --quiet "$WECOM_KF_OPEN_KFID"
