# shellcheck shell=bash
# What every script here shares: where the repository is, how to say things, which Rust to use.
# Sourced, never run. It installs nothing.

set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/anser
cd "$ROOT"

say() { printf '%s\n' "$*"; }

# Ends the script with one explanation on stderr; the lines after the first are what to do about it.
die() {
    printf 'error: %s\n' "$1" >&2
    shift
    (($# == 0)) || printf '  %s\n' "$@" >&2
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# version_at_least 1.95.0 1.95  → true when the first is the same or newer.
version_at_least() { [[ $(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n1) == "$2" ]]; }

# The pinned channel of rust-toolchain.toml, e.g. 1.95.0.
rust_channel() { sed -n 's/^channel *= *"\(.*\)"/\1/p' "$ROOT/rust-toolchain.toml"; }

rust_installed() { rustup toolchain list 2>/dev/null | grep -Eq -- "^$1(-| |\$)"; }

# Where the pinned toolchain is not installed but the default one is the very same release (an
# image that ships it as "stable"), use that instead of downloading it a second time.
select_rust() {
    have rustup || return 0
    local channel
    channel=$(rust_channel)
    if ! rust_installed "$channel" && rust_installed stable &&
        [[ $(rustup run stable rustc --version) == "rustc $channel "* ]]; then
        export RUSTUP_TOOLCHAIN=stable
    fi
}

# rustup's home comes first even in a shell that has not read its profile.
[[ -d ${CARGO_HOME:-$HOME/.cargo}/bin ]] && PATH=${CARGO_HOME:-$HOME/.cargo}/bin:$PATH
export PATH
select_rust

# cross_build TARGET DIRECTORY ARGUMENTS… — cargo build for another target in a target directory of
# its own: with rustup's ready-made standard library, else with Debian's Rust, which builds it.
cross_build() {
    local target=$1 directory=$2
    shift 2
    if have rustup && rustup target list --installed 2>/dev/null | grep -qx "$target"; then
        cargo build --locked --target "$target" --target-dir "$directory" "$@"
    elif [[ -x /usr/bin/cargo && -d /usr/lib/rustlib/src ]]; then
        env -u RUSTUP_TOOLCHAIN RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 /usr/bin/cargo build --locked \
            -Zbuild-std=std,panic_abort --target "$target" --target-dir "$directory" "$@"
    else
        die "no Rust standard library for $target." "Run scripts/setup.sh first, or: rustup target add $target"
    fi
}
