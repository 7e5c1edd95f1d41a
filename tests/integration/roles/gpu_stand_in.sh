#!/usr/bin/env bash
# Runs inside a test host that has Docker: stand-ins of two GPUs, of NVIDIA's nvidia-smi and of its hook. Nothing is
# NVIDIA's. /srv/gpu/host and /srv/gpu/container say what nvidia-smi does in either place: fine, or words to fail with.
# With /srv/gpu/sticky a restart of a container brings nothing back; only a new container does.
set -euo pipefail
mkdir -p /srv/gpu
echo fine | tee /srv/gpu/host >/srv/gpu/container

cat >/srv/gpu/nvidia-smi <<'SMI'
#!/bin/bash
state=$(cat /srv/gpu/host 2>/dev/null || cat /etc/gpu-state)
if [ "$state" != fine ]; then
    echo "$state"
    exit 255
fi
for number in 0 1; do
    uuid=GPU-0000000$number-0000-0000-0000-000000000000
    if [ "$1" = -L ]; then
        echo "GPU $number: Stand-in (UUID: $uuid)"
        continue
    fi
    line=
    fields=${1#--query-gpu=}
    for field in ${fields//,/ }; do
        case $field in
            index) value=$number ;;
            uuid) value=$uuid ;;
            pci.bus_id) value=00000000:0$number:00.0 ;;
            memory.*) value=24576 ;;
            driver_version) value=580.95.05 ;;
            persistence_mode) value=Enabled ;;
            compute_cap) value=8.9 ;;
            name) value=Stand-in ;;
            *) value='[N/A]' ;;
        esac
        line+="${line:+, }$value"
    done
    echo "$line"
done
SMI

# As NVIDIA's, it brings the host's nvidia-smi into the container at each start.
cat >/usr/bin/nvidia-container-runtime-hook <<'HOOK'
#!/usr/bin/python3
import json, pathlib, shutil, sys
bundle = pathlib.Path(json.load(sys.stdin)["bundle"])
rootfs = pathlib.Path(json.loads((bundle / "config.json").read_text())["root"]["path"])
shutil.copy2("/srv/gpu/nvidia-smi", rootfs / "usr/bin/nvidia-smi")
state = rootfs / "etc/gpu-state"
if not (state.exists() and pathlib.Path("/srv/gpu/sticky").exists()):
    shutil.copy2("/srv/gpu/container", state)
HOOK
chmod 755 /srv/gpu/nvidia-smi /usr/bin/nvidia-container-runtime-hook
cp /srv/gpu/nvidia-smi /usr/bin/nvidia-smi
systemctl restart docker

# An image that has a library for GPUs, as far as its name goes, and whose server finds none.
docker build --quiet --tag blind:1 - >/dev/null <<'IMAGE'
FROM selfhosted-llm-bed/ollama:0.9.3
RUN mkdir /usr/lib/ollama/cuda_v13
IMAGE
