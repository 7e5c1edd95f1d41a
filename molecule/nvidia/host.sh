#!/usr/bin/env bash
# Runs inside the host. Without arguments: an engine that knows CDI, and the stand-ins. `driver VERSION`: the driver is of that version.
set -euo pipefail

driver() { # VERSION
    local version=$1 libraries=/usr/lib/x86_64-linux-gnu
    mkdir -p /srv/driver/nvidia
    printf 'NVRM version: NVIDIA UNIX x86_64 Kernel Module  %s  stand-in\n' "$version" >/srv/driver/nvidia/version
    rm -f "$libraries"/libcuda.so.*
    echo stand-in >"$libraries/libcuda.so.$version"
    # In one stroke and in place: containers hold this very file.
    cat >/usr/bin/nvidia-smi <<SMI
#!/bin/sh
uuid=GPU-00000000-0000-0000-0000-000000000000
case "\$1" in
    -L) echo "GPU 0: Stand-in (UUID: \$uuid)" ;;
    --query-gpu=*)
        for field in \$(echo "\${1#--query-gpu=}" | tr , ' '); do
            case \$field in
                index) printf 0 ;;
                uuid) printf ', %s' "\$uuid" ;;
                pci.bus_id) printf ', 00000000:01:00.0' ;;
                memory.total) printf ', 24564' ;;
                driver_version) printf ', $version' ;;
                compute_cap) printf ', 8.9' ;;
                name) printf ', Stand-in' ;;
                *) printf ', [N/A]' ;;
            esac
        done
        echo
        ;;
esac
SMI
    chmod 755 /usr/bin/nvidia-smi
}

if [ "${1:-}" = driver ]; then
    driver "$2"
    exit
fi

bash /srv/newer_engine.sh

gpu=/srv/pci/0000:01:00.0
mkdir -p "$gpu"
printf 'DRIVER=nvidia\nPCI_CLASS=30200\nPCI_ID=10DE:2330\n' >"$gpu/uevent"
driver 580.95.05
mount --bind /srv/pci /sys/bus/pci/devices
mount --bind /srv/driver /proc/driver
bash /srv/apt_repository.sh
