#!/usr/bin/env bash
# The lines to paste for wechatpy, as they are printed.
set -euo pipefail

customer=$(curl --silent --json '{"name":"小王"}' "$WECOM_KF_BASE_URL/sim/v1/customers" |
    sed 's/.*"external_userid":"\([^"]*\)".*/\1/')
curl --silent --json '{"msgtype":"text","text":"你好"}' \
    "$WECOM_KF_BASE_URL/sim/v1/customers/$customer/messages" >/dev/null
page=$("$SIM" point wechatpy --port "${WECOM_KF_BASE_URL##*:}" | "$VENV/bin/python" -)
echo "$page"
grep --quiet "$customer" <<<"$page"
