#!/usr/bin/env bash
# Runs inside a test host: Debian 13's engine, since Debian 12's own, 20.10, knows no CDI.
set -euo pipefail
mirror=$(awk '$1 == "deb" { print $2; exit }' /etc/apt/sources.list)
echo "deb $mirror trixie main" >/etc/apt/sources.list.d/trixie.list
printf 'Package: *\nPin: release n=trixie\nPin-Priority: 100\n' >/etc/apt/preferences.d/trixie
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -qq -y --no-install-recommends -t trixie docker.io docker-cli iptables python3-requests >/dev/null 2>&1
