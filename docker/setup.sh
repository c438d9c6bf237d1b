#!/bin/sh
# Install the Debian packages of the live peers that the tests talk to, and Asterisk (docker/asterisk.sh) into a folder.
# Does nothing, and fast, where all are there.
#
#   docker/setup.sh            install what is missing, as root or with sudo
#   docker/setup.sh --list     print the packages, one a line
set -eu

# One line for each peer: the command that shows it is there, the package that brings it. Of systemd only what reads units.
peers() {
    cat <<'PEERS'
sipp sip-tester
kamailio kamailio
baresip baresip-core
sipsak sipsak
tshark tshark
systemd-analyze systemd
PEERS
}

if [ "${1:-}" = "--list" ]; then
    peers | cut -d' ' -f2
    exit 0
fi

# The other tests shall run where Asterisk cannot be had; its own then fail, and say how to get it.
asterisk() {
    case ",${SOFTSWITCH_TESTS_WITHOUT:-}," in
    *[,\ ]asterisk[,\ ]*) ;;
    *) "$(dirname "$0")/asterisk.sh" || echo "The tests that call Asterisk will fail." >&2 ;;
    esac
}

# Servers live there, and Debian leaves it out of the path of ordinary users.
PATH="$PATH:/usr/sbin:/sbin"
missing=""
while read -r command package; do
    command -v "$command" >/dev/null 2>&1 || missing="$missing $package"
done <<EOF_PEERS
$(peers)
EOF_PEERS
if [ -z "$missing" ]; then
    asterisk
    exit 0
fi

root=""
if [ "$(id -u)" -ne 0 ]; then
    root="sudo"
    [ -t 0 ] || root="sudo -n"
    command -v sudo >/dev/null 2>&1 || root="none"
fi
if ! command -v apt-get >/dev/null 2>&1 || [ "$root" = "none" ]; then
    echo "The live tests need$missing. Install it (Debian: apt-get install$missing, as root), then run this again." >&2
    exit 1
fi

install_missing() {
    # shellcheck disable=SC2086  # both are lists of words on purpose
    $root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing
}

# Debian starts the servers that it installs, and Kamailio would listen on every address of this machine from now on.
kamailio_service() {
    case "$missing " in
    *" kamailio "*) [ ! -d /run/systemd/system ] || $root systemctl "$@" kamailio.service >/dev/null 2>&1 || true ;;
    esac
}

echo "installing$missing"
kamailio_service mask --runtime
# The package lists of a fresh machine are empty or old: fetch them only when the first try fails.
install_missing >/dev/null 2>&1 || { $root apt-get update -q && install_missing; } || {
    echo "Could not install$missing. Run: apt-get update && apt-get install$missing (as root)." >&2
    exit 1
}
kamailio_service unmask --runtime
kamailio_service disable
asterisk
