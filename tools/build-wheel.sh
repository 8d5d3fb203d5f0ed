#!/usr/bin/env bash
# Build the source distribution and, from it, a wheel into dist/.
#
#     tools/build-wheel.sh [TARGET [PYTHON]]
#
# TARGET is what rustc calls a platform; this one if it is not given. PYTHON is for a
# free-threaded Python ("python3.14t"), which needs a wheel of its own; else one wheel
# serves all. On Linux zig links, so that the wheel runs where glibc is 2.17 or newer, or
# musl 1.2, and auditwheel checks it. The same commit gives the same bytes, wherever it is
# built. Needs maturin, and on Linux ziglang and auditwheel, on the path.
set -euo pipefail
cd "$(dirname "$0")/.."

target=${1:-$(rustc -vV | sed -n 's/^host: //p')}
words=(--target "$target")
case $target in
    *-linux-gnu) tag=manylinux_2_17 words+=(--zig --compatibility manylinux2014) ;;
    *-linux-musl) tag=musllinux_1_2 words+=(--zig --compatibility musllinux_1_2) ;;
    *) tag= ;;
esac
if [ $# -gt 1 ]; then
    words+=(--interpreter "$2")
fi

SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
# Messages of panics hold the paths of sources.
RUSTFLAGS="--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}/registry/src=crates"
RUSTFLAGS+=" --remap-path-prefix=$(rustc --print sysroot)=rust"
case $target in
    # musl is linked statically by default, and modules of Python cannot be.
    *-linux-musl) RUSTFLAGS+=" -C target-feature=-crt-static" ;;
esac
export SOURCE_DATE_EPOCH RUSTFLAGS

maturin build --release --locked --sdist --out dist --target-dir target/wheel "${words[@]}"

if [ -n "$tag" ]; then
    for wheel in dist/*"$tag"*.whl; do
        told=$(auditwheel show "$wheel")
        echo "$told"
        # Words may be on two lines.
        echo "$told" | tr '\n' ' ' | grep -q "consistent with the following platform tag: *\"$tag"
    done
fi
