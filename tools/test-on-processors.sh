#!/usr/bin/env bash
# Run the Rust tests of the core as they run on other processors.
#
#     tools/test-on-processors.sh [CARGO_TEST_ARGUMENT...]
#
# First on this one if it is x86-64, as an old one without AVX, so that the plain code of
# each kernel is taken; then on aarch64, where tests compare NEON with the plain code. Both
# run in an emulator, with fewer random cases than elsewhere (PROPTEST_CASES). Needs rustup
# and, on Debian and Ubuntu, the packages qemu-user, gcc-aarch64-linux-gnu and
# libc6-dev-arm64-cross.
set -euo pipefail
cd "$(dirname "$0")/.."

for tool in qemu-x86_64 qemu-aarch64 aarch64-linux-gnu-gcc; do
    command -v "$tool" > /dev/null || {
        echo "$tool cannot be found:" \
            "apt install qemu-user gcc-aarch64-linux-gnu libc6-dev-arm64-cross" >&2
        exit 2
    }
done
export PROPTEST_CASES=${PROPTEST_CASES:-16}

on() { # TARGET RUNNER [CARGO_TEST_ARGUMENT...]
    local target=$1 runner=$2
    shift 2
    echo "== $target: $runner"
    cargo test --package nithresh-core --lib --tests --target "$target" \
        --config "target.$target.runner = '$runner'" "$@"
}

if [ "$(uname -m)" = x86_64 ]; then
    on x86_64-unknown-linux-gnu "qemu-x86_64 -cpu Nehalem" "$@"
fi

export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
rustup target list --installed | grep -q '^aarch64-unknown-linux-gnu$' ||
    rustup target add aarch64-unknown-linux-gnu
on aarch64-unknown-linux-gnu "qemu-aarch64 -L /usr/aarch64-linux-gnu" "$@"
