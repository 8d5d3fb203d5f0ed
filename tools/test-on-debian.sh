#!/usr/bin/env bash
# Run the Python tests on the Python of another Debian release.
#
#     tools/test-on-debian.sh SUITE [PYTHON [PYTEST_ARGUMENT...]]
#
# SUITE is what debootstrap calls a release ("trixie", "testing"), PYTHON the command and
# package of one of its Pythons ("python3" if it is not given, "python3.15"). Needs root,
# debootstrap, and the .venv that `make test` makes. The release goes into a folder under
# /tmp, is kept for the next run, and may be deleted with `rm -r`.
set -euo pipefail

if [ $# -eq 0 ] || [ "$1" = --help ]; then
    sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"
    exit 2
fi
suite=$1 python=${2:-python3}
cd "$(dirname "$0")/.."
root=/tmp/nithresh-on-debian/$suite
home=$root/nithresh
venv=/venv-$python

if ! [ -e "$root/complete" ]; then
    rm -rf "$root"
    debootstrap --variant=minbase "$suite" "$root"
    touch "$root/complete"
fi

# What is under version control, as it is now, and one wheel for all Pythons.
rm -rf "$home"
mkdir "$home"
git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$home"
.venv/bin/maturin build --quiet --release --out "$home/dist"

# What the machine needs to reach the network, the release needs too.
for file in /etc/resolv.conf /etc/hosts /etc/pip.conf; do
    if [ -e "$file" ]; then cp -L "$file" "$root$file"; fi
done
mkdir -p "$root/etc/ssl/certs"
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"

# The mounts are gone when this ends.
# shellcheck disable=SC2016 # expanded by the inner shells
unshare --mount bash -euo pipefail -c '
    mount -t proc proc "$1/proc"
    mount --rbind /dev "$1/dev"
    mount -t tmpfs tmpfs "$1/tmp"
    shift_root=$1; shift
    exec chroot "$shift_root" "$@"
' - "$root" bash -euo pipefail -c '
    python=$1 venv=$2
    shift 2
    if ! [ -e "$venv/bin/pip" ]; then
        apt-get update --quiet=2 -o Acquire::Check-Valid-Until=false
        DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes "$python-venv" "$python-dev" build-essential
        "$python" -m venv "$venv"
    fi
    cd /nithresh
    wheel=$(echo dist/*.whl)
    "$venv/bin/pip" install --quiet --force-reinstall --no-deps "$wheel"
    "$venv/bin/pip" install --quiet --constraint requirements.lock "$wheel[test]"
    "$venv/bin/python" --version
    doctests=$("$venv/bin/python" -c "import nithresh; print(*nithresh.__path__)")
    "$venv/bin/pytest" "${@:-"-n2"}" tests "$doctests"
' - "$python" "$venv" "${@:3}"
