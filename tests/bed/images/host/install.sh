#!/bin/bash
# A bare Debian host: an init system, SSH and Python, and no Docker.
set -euo pipefail

apt-get update -qq
apt-get install -qq -y --no-install-recommends \
    systemd systemd-sysv dbus openssh-server iproute2 iptables python3 procps kmod > /dev/null
apt-get clean
rm -rf /var/lib/apt/lists/* /var/log/*.log /var/log/apt

# Units that ask for hardware or consoles that a container does not have.
systemctl mask --quiet getty.target console-getty.service systemd-logind.service \
    systemd-udevd.service systemd-udev-trigger.service systemd-modules-load.service \
    sys-kernel-debug.mount sys-kernel-tracing.mount dev-hugepages.mount
systemctl set-default --quiet multi-user.target
# Every host of the bed gets keys of its own at its first start.
rm -f /etc/ssh/ssh_host_* /etc/machine-id
touch /etc/machine-id
# Services of packages must start on a host, unlike in a build container.
rm -f /usr/sbin/policy-rc.d
