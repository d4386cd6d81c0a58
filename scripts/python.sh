#!/bin/sh
# Run the arguments with the first Python here that will do: $PYTHON, or else the usual names.
set -eu

will_do='import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))'

# A name may be on the PATH and still not run (a version manager's shim), so it is tried.
for name in python3.11 python3 python3.12 python3.13 python3.14 python; do
    python=${PYTHON:-$name}
    if "$python" -c "$will_do" >/dev/null 2>&1; then
        exec "$python" "$@"
    fi
done

python=${PYTHON:-python3}
echo "Lapwise needs Python 3.11 or newer with its venv module; here, $python is:" \
    "$("$python" --version 2>&1 || true)" >&2
echo "On Debian and Ubuntu: apt install python3 python3-venv" >&2
echo "Or name another one: make test PYTHON=/path/to/python3.11" >&2
exit 1
