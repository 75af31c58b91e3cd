#!/usr/bin/env bash
# The control API's document, as it is served, against the control API. Its stream of events never ends.
set -euo pipefail

# A made-up corp id would only ever be refused.
config=$(mktemp --suffix .toml)
trap 'rm -f "$config"' EXIT
cat >"$config" <<'TOML'
[parameters]
"query.corp_id" = "${WECOM_CORP_ID}"
TOML
"$VENV/bin/schemathesis" --config-file "$config" run "$WECOM_KF_BASE_URL/sim/v1/openapi.yaml" --url "$WECOM_KF_BASE_URL" \
    --exclude-path /sim/v1/events \
    --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,negative_data_rejection,unsupported_method \
    --phases examples,coverage,fuzzing --max-examples 20 --seed 7 --no-color --warnings off
curl --silent --fail "$WECOM_KF_BASE_URL/sim/v1/state" >/dev/null
