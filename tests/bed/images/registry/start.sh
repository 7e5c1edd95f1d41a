#!/bin/bash
# Two processes, one life: when either ends, the container ends.
docker-registry serve /etc/registry/config.yml &
nginx -c /etc/registry/nginx.conf -g 'daemon off;' &
trap 'kill $(jobs -p) 2> /dev/null' EXIT
trap 'exit 0' TERM INT
wait -n
