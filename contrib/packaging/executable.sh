#!/usr/bin/env bash
# Builds, from a wheel, what runs without Python (PyInstaller):
#   OUT/kaudit-setup           one file, for bastions; it unpacks itself at every start (about 0.6 s)
#   OUT/kaudit-setup-dir/      a folder, for deb, rpm and krew; it starts as quickly as an installed one (about 0.1 s)
# usage: executable.sh WHEEL OUT
set -euo pipefail
wheel=$(realpath "$1") out=$(realpath -m "$2")
here=$(dirname "$(realpath "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:?a time in seconds, so that two builds are the same} PYTHONHASHSEED=1

# Debian's own: one that was built elsewhere looks for libraries in the folder of its builder
"${PYTHON:-/usr/bin/python3}" -m venv "$work/venv"
pip() { "$work/venv/bin/pip" --quiet --disable-pip-version-check "$@"; }
pip install --require-hashes -r "$here/requirements.lock"
pip install --require-hashes -r "$here/requirements-build.lock"
pip install --no-deps "$wheel"

package=$("$work/venv/bin/python" -c 'import kaudit_setup, os; print(os.path.dirname(kaudit_setup.__file__))')
freeze() {
  rm -rf "$package"/sandbox/shims/__pycache__ # data is not compiled; a deb must not have it
  # the simulated node reads its stand-ins for curl and kubectl as files, Python ones too
  "$work/venv/bin/pyinstaller" --noconfirm --log-level ERROR --name "$2" "$1" \
    --workpath "$work/build" --specpath "$work" --distpath "$out" \
    --collect-data kaudit_setup --collect-submodules kaudit_setup --exclude-module zstandard._cffi --strip \
    --add-data "$package/sandbox/shims:kaudit_setup/sandbox/shims" "$here/frozen_entry.py"
}
freeze --onefile kaudit-setup
freeze --onedir kaudit-setup-dir
