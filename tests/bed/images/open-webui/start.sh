#!/bin/bash
# Starts Open WebUI with the variables that its official image honours.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

: "${PORT:=8080}" "${HOST:=0.0.0.0}" "${UVICORN_WORKERS:=1}"
key_file=${WEBUI_SECRET_KEY_FILE:-.webui_secret_key}

if [ -z "${WEBUI_SECRET_KEY:-}" ]; then
    if [ ! -e "$key_file" ]; then
        echo "No secret key given: generating one in $key_file"
        (umask 077 && head -c 24 /dev/urandom | base64 > "$key_file")
    fi
    echo "Secret key taken from $key_file"
    WEBUI_SECRET_KEY=$(cat "$key_file")
fi
export WEBUI_SECRET_KEY

exec python3 -m uvicorn open_webui.main:app --host "$HOST" --port "$PORT" \
    --forwarded-allow-ips '*' --workers "$UVICORN_WORKERS"
