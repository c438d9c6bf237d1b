#!/bin/sh
# Make a folder with Asterisk 22 for the live tests. Does nothing, and fast, where it is there.
#
#   docker/asterisk.sh             make the folder if it is missing, as root or with sudo
#   docker/asterisk.sh --folder    print where it is
#
# Asterisk is in Debian unstable only, so the folder is a small Debian unstable of its own, made by debootstrap with the
# address of the Debian archive that this system's apt uses. Nothing of it is installed into the system, and running it
# needs no root: the tests start its programs with its own dynamic loader.
set -eu

folder="${XDG_CACHE_HOME:-${HOME:-$(getent passwd "$(id -u)" | cut -d: -f6)}/.cache}/softswitch/asterisk-sid"
# Written last: a folder without it is half made, and is made again.
ready="$folder/ready"

if [ "${1:-}" = "--folder" ]; then
    echo "$folder"
    exit 0
fi
[ ! -e "$ready" ] || exit 0

fail() {
    echo "Asterisk for the live tests could not be set up: $1" >&2
    echo "Then run docker/asterisk.sh again, or leave its tests out with SOFTSWITCH_TESTS_WITHOUT=asterisk." >&2
    exit 1
}

root=""
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null 2>&1 || fail "debootstrap needs root. Run docker/asterisk.sh as root, with this HOME."
    root="sudo"
    [ -t 0 ] || root="sudo -n"
fi
command -v apt-get >/dev/null 2>&1 || fail "it needs a Debian system with apt. Run the tests in a Debian container."

mkdir -p "$folder.work"
exec 9>"$folder.work/lock"
flock 9
# Another one made it while this one waited.
[ ! -e "$ready" ] || exit 0
log="$folder.work/log"
: >"$log"

apt_install() {
    $root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" >>"$log" 2>&1
}

apt_update() {
    $root apt-get update -q >>"$log" 2>&1 || fail "apt-get update failed (see $log). Mend the network or apt's sources."
}

# The address of the archive as apt itself reads it, from whatever kind of file it stands in.
archive() {
    apt-get indextargets --format '$(REPO_URI) $(ORIGIN) $(LABEL)' 'Created-By: Packages' 2>>"$log" |
        grep -E '^(https?|file|copy):' | grep -E ' Debian Debian$' | head -n 1 | cut -d' ' -f1
}

command -v debootstrap >/dev/null 2>&1 || apt_install debootstrap || { apt_update && apt_install debootstrap; } ||
    fail "debootstrap could not be installed (see $log). Run apt-get install debootstrap as root."
uri=$(archive)
# Images of containers come without apt's lists.
[ -n "$uri" ] || { apt_update && uri=$(archive); }
[ -n "$uri" ] || fail "apt's sources name no Debian archive. Add one to /etc/apt/sources.list.d, or use a Debian container."

# debootstrap fetches with wget, which knows nothing of apt's proxy.
for scheme in http https; do
    eval "$(apt-config shell proxy "Acquire::$scheme::Proxy")"
    [ -z "${proxy:-}" ] || export "${scheme}_proxy=$proxy"
    proxy=""
done

# A try that was interrupted may have left the kernel's file systems mounted inside: they must not be deleted.
clear_away() {
    for inside in proc sys dev/pts dev/shm; do
        ! mountpoint -q "$folder/$inside" || $root umount -l "$folder/$inside"
    done
    $root rm -rf --one-file-system "$folder"
}

echo "making a folder with Asterisk 22 from Debian unstable in $folder (about a minute, 350 MB)"
clear_away
# debootstrap looks at the signature of the index and not at its Valid-Until, so that an archive which stands still for
# some weeks serves as well; apt's own settings stay as they are.
$root debootstrap --variant=minbase --include=asterisk sid "$folder" "$uri" >>"$log" 2>&1 || {
    # What went wrong stands in debootstrap's own log, not in what it prints.
    [ ! -e "$folder/debootstrap/debootstrap.log" ] || tail -n 5 "$folder/debootstrap/debootstrap.log" >>"$log"
    tail -n 5 "$log" >&2
    fail "debootstrap failed (see $log). Mend what it says, most often the network or the disk."
}
$root rm -rf "$folder/var/cache/apt" "$folder/var/lib/apt/lists" "$folder/usr/share/doc" "$folder/usr/share/man" \
    "$folder/usr/share/locale" "$folder/usr/share/info"
version=$($root chroot "$folder" /usr/sbin/asterisk -V 2>>"$log") ||
    fail "the Asterisk in it does not start (see $log). Delete $folder, so that it is made from today's archive."
case "$version" in
"Asterisk 22."*) ;;
*) fail "the archive has $version, not Asterisk 22. Say so to the authors of these tests." ;;
esac
echo "$version" | $root tee "$ready" >/dev/null
echo "$version is ready"
