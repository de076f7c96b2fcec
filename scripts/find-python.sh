#!/bin/sh
# Print the path of a Python that can make a virtual environment.
#
#   find-python.sh              the best for eqchip: 3.10 (Lava needs it), else a newer one
#   find-python.sh 3.12 3.13    the first of these versions that is found
#
# A name on PATH may be a pyenv shim that refuses to run, or a Python without venv: each
# candidate is tried before it is believed.
set -u

# try COMMAND VERSION: print the real path if it runs, has that version and can make a venv.
try() {
    "$1" -c '
import sys, venv, ensurepip
version = "%d.%d" % sys.version_info[:2]
if sys.version_info < (3, 10) or sys.argv[1] not in ("any", version):
    sys.exit(1)
print(sys.executable)
' "$2" 2>/dev/null
}

pyenv_versions=
if command -v pyenv >/dev/null 2>&1; then
    pyenv_versions=$(pyenv root 2>/dev/null)/versions
fi

for version in ${*:-3.10 3.12 3.13 3.11 3.14}; do
    try "python$version" "$version" && exit 0
    if [ -n "$pyenv_versions" ]; then
        for python in "$pyenv_versions/$version".*/bin/python; do
            try "$python" "$version" && exit 0
        done
    fi
done

if [ $# -eq 0 ]; then
    for name in python3 python; do
        try "$name" any && exit 0
    done
    echo "eqchip: error: no Python 3.10 or newer with venv on this machine;" \
        "install Python 3.10 (Debian: with python3-venv), or say make PYTHON=/path/to/python" >&2
else
    echo "eqchip: error: no Python with venv of version $*" >&2
fi
exit 1
