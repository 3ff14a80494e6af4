#!/bin/sh
# Installs envctl, and what it needs to run, into an empty folder: a virtual environment without pip.
#
#     sh deploy/install.sh FOLDER
#
# Run it in the root of the repository. Every file that is fetched is checked against a lock; no source is
# compiled. PYTHON names the interpreter, which has to have pip. The container file runs this too.
set -eu

target=${1:?usage: sh deploy/install.sh FOLDER}
python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

install_into() {
    environment=$1
    shift
    "$python" -m pip --python "$environment/bin/python" --disable-pip-version-check \
        install --quiet --no-input --root-user-action ignore "$@"
}

"$python" -m venv --without-pip "$work/build"
install_into "$work/build" --require-hashes --only-binary :all: -r deploy/build.lock
"$work/build/bin/hatchling" build -t wheel -d "$work/wheels" >"$work/log" 2>&1 || {
    cat "$work/log" >&2
    exit 1
}

"$python" -m venv --without-pip "$target"
install_into "$target" --require-hashes --only-binary :all: --no-compile -r deploy/requirements.lock
install_into "$target" --no-index --no-deps --no-compile "$work"/wheels/envctl-*.whl
# pip would compile one module after the other: a third of the whole time.
"$target/bin/python" -m compileall -q -j 0 "$target/lib"
