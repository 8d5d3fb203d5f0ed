#!/bin/sh
# Print one sentence that says what to install first, or nothing if all is here.
#
#     tools/check-machine.sh [PYTHON]
#
# PYTHON is the command that makes .venv ("python3" if it is not given). The versions are
# those of pyproject.toml and Cargo.toml.
set -u
cd "$(dirname "$0")/.." || exit

say() {
    printf '%s\n' "$*"
    exit
}

# Print the version that a file asks for: the first number on the line of a key.
asked_for() {
    sed -n "s/^$2 *= *[^0-9]*\([0-9]*\.[0-9]*\).*/\1/p" "$1"
}

# Whether a version is lower than another one; both begin with two numbers.
lower() {
    major=${1%%.*} rest=${1#*.}
    other=${2%%.*} other_rest=${2#*.}
    [ "$major" -lt "$other" ] ||
        { [ "$major" -eq "$other" ] && [ "${rest%%.*}" -lt "${other_rest%%.*}" ]; }
}

python=${1:-python3}
least=$(asked_for pyproject.toml requires-python)
naming="then name it: make PYTHON=python$least"
if [ -x .venv/bin/pip ] || [ -h .venv/bin/python ]; then
    python=.venv/bin/python
    naming="then remove .venv: make clean"
fi
command -v "$python" > /dev/null ||
    say "$python cannot be found: install Python $least or newer, $naming"
here=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2> /dev/null) ||
    say "$python does not run: install Python $least or newer, $naming"
if lower "$here" "$least"; then
    say "$python is Python $here: install Python $least or newer, $naming"
fi
"$python" -c 'import ensurepip, venv' 2> /dev/null ||
    say "$python cannot make environments:" \
        "install its venv (Debian and Ubuntu: apt install python$here-venv)"

least=$(asked_for Cargo.toml rust-version)
rustup="install Rust $least or newer from https://rustup.rs, then open a new terminal"
for tool in cargo rustc; do
    command -v "$tool" > /dev/null || say "$tool cannot be found: $rustup"
    here=$("$tool" --version 2> /dev/null) || say "$tool does not run: $rustup"
    here=${here#* }
    here=${here%% *}
    if lower "$here" "$least"; then
        say "$tool is $here: $rustup (if you have rustup: rustup update)"
    fi
done
command -v cc > /dev/null ||
    say "cc, the linker that Rust calls, cannot be found: install a C compiler" \
        "(Debian and Ubuntu: apt install gcc libc6-dev; macOS: xcode-select --install)"
