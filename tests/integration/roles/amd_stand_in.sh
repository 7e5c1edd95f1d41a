#!/usr/bin/env bash
# Runs inside a test host that has Docker: stand-ins of two AMD GPUs and of the driver as /sys and /dev show them, and a signed apt
# repository in the layout of AMD's on 127.0.0.1:8000. Nothing in it is AMD's: the package has the name, and its amd-ctk is a script
# that writes what AMD's writes (github.com/ROCm/container-toolkit, internal/cdi/cdi.go). `again` gives the devices new numbers.
set -euo pipefail
root=/srv/repository

devices() { # MINOR of /dev/null or the like: what can be opened anywhere
    mkdir -p /dev/dri
    rm -f /dev/kfd /dev/dri/*
    mknod -m 660 /dev/kfd c 1 "$1"
    for node in card0 renderD128 card1 renderD129; do
        mknod -m 660 "/dev/dri/$node" c 1 "$1"
    done
}

if [ "${1:-}" = again ]; then
    devices 5
    exit
fi

apt-get install -qq -y --no-install-recommends apt-utils gpg gpg-agent >/dev/null 2>&1
mkdir -p /srv/sys/module/amdgpu /srv/sys/pci
echo 6.14.5 >/srv/sys/module/amdgpu/version
for number in 0 1; do
    place=0000:0$((number + 3)):00.0
    mkdir -p "/srv/sys/pci/$place"
    printf 'DRIVER=amdgpu\nPCI_CLASS=30000\nPCI_ID=1002:744C\nPCI_SLOT_NAME=%s\n' "$place" >"/srv/sys/pci/$place/uevent"
    card=/srv/sys/class/drm/card$number/device
    mkdir -p "$card/drm/renderD$((128 + number))"
    cp "/srv/sys/pci/$place/uevent" "$card/"
    echo $((24 << 30)) >"$card/mem_info_vram_total"
    echo "000000000000000$number" >"$card/unique_id"
    echo 'Stand-in' >"$card/product_name"
done
mount --bind /srv/sys/pci /sys/bus/pci/devices
for part in class module; do
    mount -t overlay -o "lowerdir=/srv/sys/$part:/sys/$part" stand-in "/sys/$part"
done
devices 3

cat >/srv/ctk <<'CTK'
#!/usr/bin/python3
import json, os, pathlib, sys

SPEC = pathlib.Path("/etc/cdi/amd.json")


def node(path):
    told = os.stat(path)
    return {
        "path": path, "type": "c", "major": os.major(told.st_rdev), "minor": os.minor(told.st_rdev),
        "fileMode": told.st_mode & 0o777, "permissions": "rwm", "uid": 0, "gid": told.st_gid,
    }


if os.path.exists("/srv/ctk-fails"):
    sys.exit("failed to generate CDI spec: getting GPUs: amdgpu driver unavailable")
cards = sorted(pathlib.Path("/sys/class/drm").glob("card*"))
nodes = [[node(f"/dev/dri/{name}") for name in (card.name, *os.listdir(card / "device/drm"))] for card in cards]
named = {str(number): own for number, own in enumerate(nodes)} | {"all": [one for own in nodes for one in own]}
spec = {
    "cdiVersion": "0.6.0",
    "kind": "amd.com/gpu",
    "devices": [
        {"name": name, "containerEdits": {"deviceNodes": [*own, node("/dev/kfd")]}} for name, own in named.items()
    ],
    "containerEdits": {},
}
if sys.argv[1:] == ["cdi", "generate"]:
    SPEC.parent.mkdir(exist_ok=True)
    SPEC.write_text(json.dumps(spec, indent=2))
    print(f"Generated CDI spec: {SPEC}")
elif sys.argv[1:] == ["cdi", "validate"]:
    print(f"Validating CDI spec: {SPEC}")
    if not SPEC.exists():
        sys.exit(f"failed to validate CDI spec: opening CDI spec file {SPEC}: no such file or directory")
    print("CDI spec is valid" if json.loads(SPEC.read_text()) == spec else "CDI spec is invalid\nPlease regenerate CDI spec")
else:
    sys.exit(f"the stand-in knows no {sys.argv[1:]}")
CTK

index=$root/dists/noble/main/binary-amd64
mkdir -p "$index" "$root/pool"
for version in 1.2.0 1.3.0; do
    folder=$(mktemp -d)
    mkdir -p "$folder/DEBIAN"
    printf 'Package: amd-container-toolkit\nVersion: %s~24.04\nArchitecture: amd64\nMaintainer: stand-in\nDescription: stand-in\n' \
        "$version" >"$folder/DEBIAN/control"
    install -D -m 755 /srv/ctk "$folder/usr/local/bin/amd-ctk"
    dpkg-deb --build --root-owner-group "$folder" "$root/pool/amd-container-toolkit_${version}~24.04_amd64.deb" >/dev/null
done
export GNUPGHOME=/srv/gnupg
install -d -m 700 "$GNUPGHOME"
gpg --batch --quiet --passphrase '' --quick-generate-key 'stand-in <stand-in@invalid>' ed25519 sign never
cd "$root"
apt-ftparchive packages pool >"$index/Packages"
apt-ftparchive -o APT::FTPArchive::Release::Suite=noble -o APT::FTPArchive::Release::Components=main \
    -o APT::FTPArchive::Release::Architectures=amd64 release dists/noble >/srv/Release
gpg --batch --yes --clearsign --output dists/noble/InRelease /srv/Release
gpg --batch --yes --armor --output "$root/key" --export
gpg --batch --with-colons --list-keys | awk -F: '$1 == "fpr" { print $10; exit }' >/srv/fingerprint
systemd-run --quiet --unit repository --working-directory "$root" python3 -m http.server --bind 127.0.0.1 8000
