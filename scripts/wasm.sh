#!/usr/bin/env bash
# Proves that the core stays free of sockets, files, threads and clocks: it builds for wasm32, where
# there are none. A target directory of its own keeps it from disturbing other builds.

source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

cross_build wasm32-unknown-unknown "${CARGO_TARGET_DIR:-target}/wasm" --package anser-node
say "anser-node builds for wasm32-unknown-unknown."
