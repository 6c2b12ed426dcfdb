#!/usr/bin/env bash
# Makes the Python environment of compare.py, with the libraries that it compares.
#
#   setup.sh [--torch] [DIRECTORY]       DIRECTORY is .venv beside this file unless given
#
# PYTHON names the interpreter (python3). --torch adds PyTorch in whatever version and build pip finds, which may be
# several gigabytes: point pip at builds for CPUs to keep it small.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

directory=$here/.venv
torch=
for argument in "$@"; do
    case $argument in
        --torch) torch=yes ;;
        -*)
            echo "setup.sh: unknown option $argument, expected --torch" >&2
            exit 2
            ;;
        *) directory=$argument ;;
    esac
done

"${PYTHON:-python3}" -m venv "$directory"
"$directory/bin/pip" install --quiet --no-deps --requirement "$here/requirements.txt"
if [[ $torch ]]; then
    "$directory/bin/pip" install --quiet torch
fi
# The oneDNN package was built with gcc's OpenMP, which belongs to the system.
if ! ldconfig -p 2>/dev/null | grep -q 'libgomp\.so\.1'; then
    echo 'setup.sh: libgomp.so.1 is missing, which oneDNN needs; it comes with gcc (Debian: libgomp1)' >&2
fi
echo "$directory/bin/python $here/compare.py --help"
