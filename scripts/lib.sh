# Shared by the scripts beside it; sourced, not run.  Bash, from any directory.
set -euo pipefail
ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
cd "$ROOT"
VENV="$ROOT/.venv"
STAMP="$VENV/.toque-ready"        # says what the environment was made from; written last
UNFINISHED="$VENV/.toque-unfinished"  # there while it is being made: a kill leaves it behind

say() { printf 'toque: %s\n' "$*" >&2; }

# usage TEXT "$@": prints TEXT and ends when --help or -h is the first argument.
usage() {
    local text="$1"
    case "${2:-}" in
        --help | -h)
            printf '%s\n' "$text"
            exit 0
            ;;
    esac
}

# The programs that set-up looks for, and the Debian package of each.
SYSTEM_PROGRAMS="git:git ssh:openssh-client ip:iproute2 nft:nftables mmdebstrap:mmdebstrap \
systemd-nspawn:systemd-container"
ESSENTIAL_PACKAGES=" git openssh-client python3-venv "  # without these nothing works at all

# Prints the Debian packages that are not there, on one line.
missing_packages() {
    local pair missing=""
    local PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"  # a plain user's PATH often lacks these
    for pair in $SYSTEM_PROGRAMS; do
        command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair#*:}"
    done
    [ -e /etc/ssl/certs/ca-certificates.crt ] || missing="$missing ca-certificates"
    printf '%s' "${missing# }"
}

# Prints the real path of a Python >= 3.11 that can make environments; fails when there is none.
find_python() {
    local name
    for name in python3 /usr/bin/python3 python3.14 python3.13 python3.12 python3.11; do
        "$name" - <<'PY' 2>/dev/null && return 0
import sys
if sys.version_info < (3, 11):
    sys.exit(1)
import ensurepip, venv
print(getattr(sys, "_base_executable", sys.executable))
PY
    done
    return 1
}

# What an environment depends on; a changed digest means it is made up to date.
wanted_stamp() {
    { printf '%s\n' "$ROOT"; cat requirements/dev.txt pyproject.toml scripts/lib.sh; } | sha256sum | cut -d' ' -f1
}

environment_ready() {
    [ ! -e "$UNFINISHED" ] && [ -f "$STAMP" ] && [ "$(<"$STAMP")" = "$(wanted_stamp)" ] &&
        "$VENV/bin/python" -c '' 2>/dev/null
}

# Everything the other scripts need; returns at once when it is there.
ensure_ready() {
    if [ -z "$(missing_packages)" ] && environment_ready; then return 0; fi
    scripts/setup
}

apt_install() {
    say "installing system packages: $*"
    export DEBIAN_FRONTEND=noninteractive
    local wait=(-o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0)
    exec 9>&-  # services that apt starts must not inherit our lock
    dpkg --configure -a >&2  # an earlier run may have been killed in the middle; else does nothing
    # The lists may be good enough; fetch new ones only when not, so that this works offline.
    apt-get "${wait[@]}" install -y -q --no-install-recommends "$@" >&2 ||
        { apt-get "${wait[@]}" update -q >&2 &&
            apt-get "${wait[@]}" install -y -q --no-install-recommends "$@" >&2; }
}

# Servers that tests start by themselves, on their own ports and files.
TEST_SERVERS="sshd:openssh-server supervisord:supervisor nginx:nginx-light"

# As root, installs them with apt-get, and sees to it that Debian starts none of them, now or at
# boot.  Without them the tests that need them are skipped, saying so.
ensure_test_servers() {
    local pair missing="" policy=/usr/sbin/policy-rc.d
    local PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
    for pair in $TEST_SERVERS; do
        command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair#*:}"
    done
    if [ -z "$missing" ]; then return 0; fi
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
        say "some tests will be skipped; this installs what they need:"
        printf '    sudo apt-get install --no-install-recommends -y%s\n' "$missing" >&2
        return 0
    fi
    say "installing for tests, not started:$missing"
    local ours=""
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy" && ours=yes
    fi
    # shellcheck disable=SC2086  # package names, split on purpose
    (apt_install $missing) || say "apt-get could not install:$missing"
    if [ -n "$ours" ]; then rm -f "$policy"; fi
    if [ -d /run/systemd/system ]; then
        for pair in $missing; do
            systemctl disable "$(printf '%s' "$pair" | sed 's/openssh-server/ssh/; s/nginx-light/nginx/')" \
                >/dev/null 2>&1 || true
        done
    fi
}
