#!/usr/bin/env bash
# Runs inside a test host with a Docker Engine and the bed's images: plants faults for the doctor to find. Each line of
# `docs/reference/findings.md` that is planted here is named beside what plants it.
set -euo pipefail
ollama=selfhosted-llm-bed/ollama webui=selfhosted-llm-bed/open-webui:0.12.4
# As if a role had made it.
ours=(--label org.selfhosted.llm.role=ollama)

# docker-api-exposed, live-restore-off, and with nothing about logs in it logs-without-rotation
echo '{}' >/etc/docker/daemon.json
mkdir -p /etc/systemd/system/docker.service.d
printf '[Service]\nExecStart=\nExecStart=/usr/sbin/dockerd -H fd:// -H tcp://0.0.0.0:2375 --tls=false\n' \
    >/etc/systemd/system/docker.service.d/open.conf
systemctl daemon-reload
systemctl restart docker
docker network create llm >/dev/null
docker tag "$ollama:0.9.3" "$ollama:latest"

# nothing closes the network: egress-open
# container-foreign, container-docker-socket, image-not-pinned, container-differs, data-not-kept,
# restart-policy-missing, ollama-exposed, vulnerable; the GPU is a stand-in, and Ollama computes on the CPU: gpu-not-used.
# The volume of the inventory is not there: volume-missing. Nor is its second Ollama: container-missing.
docker run --detach --name ollama --network llm --publish 0.0.0.0:11434:11434 --device /dev/null:/dev/kfd \
    --volume /var/run/docker.sock:/var/run/docker.sock "$ollama:latest" >/dev/null

# open-webui-exposed, open-webui-silent; not in Ollama's network: open-webui-without-ollama, egress-beside
docker run --detach --name open-webui --restart unless-stopped --publish 0.0.0.0:3001:8080 \
    --volume open-webui:/app/backend/data --no-healthcheck "$webui" sleep infinity >/dev/null

# container-unhealthy; its data lie on a disk that has 16 MB and is out of inodes: disk-full, inodes-low
docker volume create --driver local --opt type=tmpfs --opt device=tmpfs --opt o=size=16m,nr_inodes=10 small >/dev/null
docker run --detach "${ours[@]}" --name ollama-small --volume small:/root/.ollama --health-cmd false \
    --health-interval 1s --health-retries 1 --entrypoint bash "$ollama:0.9.3" \
    -c 'head -c 15M /dev/zero >/root/.ollama/0; for place in {1..20}; do : >/root/.ollama/$place; done; sleep infinity' >/dev/null 2>&1

# container-privileged; not started, since a host of the bed may not give what it has not
docker create --name ollama-privileged --privileged "$ollama:0.9.3" >/dev/null
# container-stopped, container-restarting
docker run "${ours[@]}" --name ollama-ended --entrypoint false "$ollama:0.9.3" || true
docker run --detach "${ours[@]}" --name ollama-loop --restart always --entrypoint false "$ollama:0.9.3" >/dev/null
# container-out-of-memory: as with a model's process of Ollama, what is killed is a child, and the container stays
docker run --detach "${ours[@]}" --name ollama-hungry --memory 16m --entrypoint bash "$ollama:0.9.3" \
    -c 'tail /dev/zero; sleep infinity' >/dev/null

# secret-key-open
mkdir -m 700 /etc/open-webui
install -m 644 /dev/stdin /etc/open-webui/secret_key <<<not-a-real-key
# inventory-changed
install -D -m 600 /dev/stdin /var/lib/selfhosted-llm/converged.json <<<'{"containers": []}'
# unit-failed
systemd-run --quiet --unit selfhosted-llm-sample --property Type=oneshot false || true
# reboot-required
echo linux-image-amd64 | tee /run/reboot-required >/run/reboot-required.pkgs

sleeps() { docker top "$1" -eo pid,comm | grep --quiet ' sleep$'; }
until [ "$(docker inspect --format '{{.State.Health.Status}}' ollama-small)" = unhealthy ] &&
    sleeps ollama-hungry && sleeps ollama-small &&
    [ "$(docker inspect --format '{{.RestartCount}}' ollama-loop)" -ge 3 ]; do sleep 0.5; done
