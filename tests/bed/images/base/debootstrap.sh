#!/bin/sh
# Debian's smallest system as a tar stream on stdout: debootstrap.sh MIRROR SUITE WORK-DIRECTORY
set -eu
mirror=$1 suite=$2 work=$3

debootstrap --variant=minbase --include=ca-certificates "$suite" "$work" "$mirror" >&2

# Images of this base are copied into nested engines: leave out what no program reads.
cat > "$work/etc/dpkg/dpkg.cfg.d/small" <<'EOF'
path-exclude /usr/share/doc/*
path-include /usr/share/doc/*/copyright
path-exclude /usr/share/man/*
path-exclude /usr/share/locale/*
EOF
find "$work/usr/share/doc" -mindepth 2 -not -name copyright -not -type d -delete
rm -rf "$work"/usr/share/man/* "$work"/usr/share/locale/* "$work"/var/cache/apt/* \
       "$work"/var/lib/apt/lists/* "$work"/var/log/* "$work"/debootstrap
# No service may start while packages are installed in a build container; the host image removes this.
printf '#!/bin/sh\nexit 101\n' > "$work/usr/sbin/policy-rc.d"
chmod 755 "$work/usr/sbin/policy-rc.d"
# debootstrap copies the resolver of the machine it runs on.
: > "$work/etc/resolv.conf"
rm -f "$work/etc/hostname"

tar -C "$work" --numeric-owner -cf - .
