#!/bin/bash
set -euo pipefail

apt-get update -qq
apt-get install -qq -y --no-install-recommends docker-registry nginx-light > /dev/null
apt-get clean
rm -rf /var/lib/apt/lists/* /var/log/*.log /var/log/apt
