# Sourced by the other scripts: makes or refreshes .venv from the lock, quietly, and only when something changed.
# Needs Python 3.11 or newer with pip; on Debian's python3 without venv it does without, or installs it when root.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore

make_venv() {
    rm -rf .venv
    python3 -m venv .venv >/dev/null 2>&1 && return
    rm -rf .venv
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y install python3-venv; } >/dev/null 2>&1 || true
        python3 -m venv .venv >/dev/null 2>&1 && return
        rm -rf .venv
    fi
    python3 -m venv --without-pip .venv
}

pip_install() {
    if .venv/bin/python -m pip --version >/dev/null 2>&1; then
        .venv/bin/python -m pip install -qq "$@"
    else
        python3 -m pip --python .venv/bin/python install -qq "$@"
    fi
}

refresh() {
    local wanted
    wanted=$(cat requirements.lock pyproject.toml scripts/environment.sh | sha256sum | cut -d' ' -f1)
    [ "$(cat .venv/stamp 2>/dev/null || true)" = "$wanted" ] && return
    echo "Making the environment in .venv (once, about half a minute) …" >&2
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed." >&2; exit 1; }
    make_venv
    pip_install --require-hashes --requirement requirements.lock
    pip_install --no-deps --no-build-isolation --no-index --editable .
    echo "$wanted" >.venv/stamp
}

exec 9>.venv.lock
flock 9
refresh
flock -u 9
exec 9>&-
