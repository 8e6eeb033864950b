#!/usr/bin/env bash
# Builds the app from this checkout and opens it. Arguments go to the program.
#
# It is built as `make test` builds: twice as quick to have as a release build, and the slow parts
# (cryptography, storage, the network) are optimised in that profile too. RELEASE=1 builds the rest
# optimised as well.

source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

scripts/setup.sh run
(cd ui && npm run --silent build)

profile=()
[[ -n ${RELEASE:-} ]] && profile=(--release)

if [[ -n ${DISPLAY:-} || -n ${WAYLAND_DISPLAY:-} ]]; then
    exec cargo run --locked "${profile[@]}" --package anser-desktop -- "$@"
fi
say "There is no display here: the app is served to a browser on this machine instead."
exec cargo run --locked "${profile[@]}" --package anser-cli -- ui "$@"
