#!/bin/sh
# Create a virtual environment and install this checkout into it, editable, with what tests and checks need.
#
#   docker/venv.sh PYTHON FOLDER
#
# PYTHON may be empty: then the first of python3, python3.11, … that is new enough is used.
set -eu

OLDEST="3, 11"
python=$1
folder=$2

new_enough() {
    "$1" -c "import sys; sys.exit(sys.version_info < ($OLDEST))" >/dev/null 2>&1
}

if [ -z "$python" ]; then
    for candidate in python3 python3.11 python3.12 python3.13 python3.14; do
        if new_enough "$candidate"; then
            python=$candidate
            break
        fi
    done
fi
if [ -z "$python" ]; then
    echo "No Python 3.11 or newer was found. Install one (Debian 12: apt-get install python3 python3-venv)," >&2
    echo "or name it: make PYTHON=/path/to/python3.11 …" >&2
    exit 1
fi
if ! new_enough "$python"; then
    echo "$python is missing or older than Python 3.11. Name a newer one: make PYTHON=/path/to/python3.11 …" >&2
    exit 1
fi

# Debian keeps ensurepip in a package of its own; without it `python -m venv` leaves half an environment behind.
if ! "$python" -c "import ensurepip, venv" >/dev/null 2>&1; then
    package=$("$python" -c "import sys; print('python%d.%d-venv' % sys.version_info[:2])")
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "installing $package"
        apt-get install -y --no-install-recommends "$package" >/dev/null 2>&1 ||
            { apt-get update -q && apt-get install -y --no-install-recommends "$package"; } || true
    fi
    if ! "$python" -c "import ensurepip, venv" >/dev/null 2>&1; then
        echo "$python cannot create virtual environments. Run: sudo apt-get install $package" >&2
        exit 1
    fi
fi

# A half-made environment, or one whose Python is gone, is made again; a good one only gets what is new.
"$folder/bin/python" -m pip --version >/dev/null 2>&1 || "$python" -m venv --clear "$folder"
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
