#!/usr/bin/env bash
# Runs inside a test host: makes a signed apt repository of stand-ins in the layout of NVIDIA's and serves it on
# 127.0.0.1:8000. Nothing in it is NVIDIA's: the packages have the names, and their programs are scripts.
set -euo pipefail
root=/srv/repository

apt-get install -qq -y --no-install-recommends apt-utils gpg gpg-agent busybox-static >/dev/null 2>&1

packages() { # VERSION
    local version=$1 name folder
    for name in nvidia-container-toolkit nvidia-container-toolkit-base libnvidia-container-tools libnvidia-container1; do
        folder=$(mktemp -d)
        # A file of its own keeps dpkg from taking a package for one that the others replaced.
        mkdir -p "$folder/DEBIAN" "$folder/usr/bin" "$folder/lib/systemd/system" "$folder/usr/share/doc/$name"
        echo stand-in >"$folder/usr/share/doc/$name/README"
        printf 'Package: %s\nVersion: %s\nArchitecture: amd64\nMaintainer: stand-in\nDescription: stand-in\n' \
            "$name" "$version" >"$folder/DEBIAN/control"
        case $name in
            nvidia-container-toolkit) install -m 755 /srv/hook "$folder/usr/bin/nvidia-container-runtime-hook" ;;
            nvidia-container-toolkit-base)
                install -m 755 /srv/ctk "$folder/usr/bin/nvidia-ctk"
                cp /srv/nvidia-cdi-refresh.service "$folder/lib/systemd/system/"
                ;;
        esac
        dpkg-deb --build --root-owner-group "$folder" "$root/stable/deb/amd64/${name}_${version}_amd64.deb" >/dev/null
    done
}

rm -rf "$root"
mkdir -p "$root/stable/deb/amd64"

# The hook brings nvidia-smi into the container, as NVIDIA's does with the host's own.
cat >/srv/hook <<'HOOK'
#!/usr/bin/python3
import json, pathlib, shutil, sys
bundle = pathlib.Path(json.load(sys.stdin)["bundle"])
rootfs = pathlib.Path(json.loads((bundle / "config.json").read_text())["root"]["path"])
if pathlib.Path("/srv/nvidia-smi").exists():
    shutil.copy2("/srv/nvidia-smi", rootfs / "bin" / "nvidia-smi")
HOOK
# Names GPU 0 and what is there of the driver's files, so that a newer driver makes the specification stale.
cat >/srv/ctk <<'CTK'
#!/bin/bash
echo "$@" >>/srv/ctk.log
mkdir -p /var/run/cdi
{
    echo 'cdiVersion: 0.5.0'
    echo 'kind: nvidia.com/gpu'
    echo 'devices:'
    for name in 0 all; do
        printf -- '- name: "%s"\n  containerEdits:\n    env:\n    - NVIDIA_VISIBLE_DEVICES=void\n' "$name"
    done
    echo 'containerEdits:'
    echo '  env:'
    echo '  - NVIDIA_CTK=stand-in'
    echo '  mounts:'
    for file in /usr/bin/nvidia-smi /usr/lib/x86_64-linux-gnu/libcuda.so.*.*; do
        [ -e "$file" ] || continue
        printf -- '  - hostPath: %s\n    containerPath: %s\n' "$file" "${file#/usr}"
        printf '    options:\n    - ro\n    - bind\n'
    done
} >/var/run/cdi/nvidia.yaml
CTK
printf '[Service]\nType=oneshot\nExecStart=/usr/bin/nvidia-ctk refresh\n' >/srv/nvidia-cdi-refresh.service
printf '#!/bin/sh\necho "GPU 0: Stand-in (UUID: GPU-00000000-0000-0000-0000-000000000000)"\n' >/srv/nvidia-smi
chmod 755 /srv/nvidia-smi
packages 1.19.0-1
packages 1.20.0-1

export GNUPGHOME=/srv/gnupg
if [ ! -d "$GNUPGHOME" ]; then
    install -d -m 700 "$GNUPGHOME"
    gpg --batch --quiet --passphrase '' --quick-generate-key 'stand-in <stand-in@invalid>' ed25519 sign never
fi
cd "$root/stable/deb/amd64"
apt-ftparchive packages . >Packages
apt-ftparchive release . >Release
gpg --batch --yes --clearsign --output InRelease Release
gpg --batch --yes --armor --output "$root/gpgkey" --export
gpg --batch --with-colons --list-keys | awk -F: '$1 == "fpr" { print $10; exit }' >/srv/fingerprint

# An image with a shell and no nvidia-smi, for the proof.
image=$(mktemp -d)
mkdir "$image/bin"
cp /bin/busybox "$image/bin"
ln -s busybox "$image/bin/sh"
tar -C "$image" -c . | docker import - proof:1 >/dev/null

if ! systemctl --quiet is-active repository; then
    systemd-run --quiet --unit repository --working-directory "$root" python3 -m http.server --bind 127.0.0.1 8000
fi
