#!/bin/sh
# Build the wheel, install it into a fresh environment of each Python, and try the library, then the app:
#     sh tests/wheel.sh .venv/bin/python [PYTHON ...]      or: make wheel PYTHONS="python3.11 python3.12 python3.13"
set -eu
own=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
shift
top=$(cd "$(dirname "$0")/.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$top"
"$own" -m hatchling build -t wheel -d "$folder" >/dev/null
wheel=$(echo "$folder"/hierapp-*.whl)
uv=$(dirname "$own")/uv
[ $# -gt 0 ] || set -- "$own"
cd "$folder"
for python in "$@"; do
    "$uv" venv --quiet --clear --python "$python" environment
    for extra in "" "[app]"; do
        VIRTUAL_ENV=environment "$uv" pip install --quiet -c "$top/constraints.txt" "hierapp$extra @ file://$wheel"
        environment/bin/python "$top/tests/try_wheel.py" $extra
    done
done
