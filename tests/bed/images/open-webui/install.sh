#!/bin/bash
# The real Open WebUI on Debian's Python. Left out is only what no running server reads.
set -euo pipefail

apt-get update -qq
apt-get install -qq -y --no-install-recommends python3 python3-pip curl jq procps > /dev/null
# Python's own way of telling that a distribution manages it; this image has nothing else.
rm -f /usr/lib/python3*/EXTERNALLY-MANAGED

# torch first and pinned: where the machine offers a build without GPU code, that one is taken.
for requirement in torch==2.13.0 "open-webui==$IMAGE_VERSION"; do
    pip install --quiet --no-cache-dir --root-user-action ignore "$requirement"
done

# This image is copied into nested engines: headers, tests and source maps are a quarter of it.
site=$(python3 -c 'import torch, pathlib; print(pathlib.Path(torch.__file__).parents[1])')
rm -rf "$site"/torch/{include,test}
find "$site/torch/bin" -type f -not -name torch_shm_manager -delete
# Before 2.4 numpy imports from its own tests.
find "$site" -type d \( -name tests -o -name test \) -not -path '*/numpy/*' -prune -exec rm -rf {} +
find "$site/open_webui/frontend" -name '*.map' -delete
find "$site" -name '*.pyi' -delete
apt-get clean
rm -rf /var/lib/apt/lists/* /var/log/*.log /var/log/apt /root/.cache /tmp/*

# A library that misses what was left out says so here, not when a test starts the server.
python3 -c 'import chromadb, faster_whisper, pandas, sentence_transformers, sklearn, transformers'

mkdir -p /app/backend/data
ln -s "$site/open_webui" /app/backend/open_webui
