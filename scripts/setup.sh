#!/usr/bin/env bash
# Installs what building, testing or cross-building Anser needs, and nothing that is there already.
#
#   scripts/setup.sh run       what `make run` needs (the default)
#   scripts/setup.sh test      that, and what `make test` needs
#   scripts/setup.sh windows   the cross-compiler and Wine for `make windows`
#
# It looks at the machine every time instead of trusting a note of an earlier run: a look costs
# less than a second, and a package removed since is noticed.

source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

NEXTEST_VERSION=0.9.143
DENY_VERSION=0.20.2
NODE_MINIMUM=20.19

# Libraries that the desktop app links: WebKitGTK, the tray, SVG icons, the D-Bus keyring.
BUILD_PACKAGES=(build-essential pkg-config ca-certificates libwebkit2gtk-4.1-dev
    libayatana-appindicator3-dev librsvg2-dev libdbus-1-dev)
# A display without a screen, the desktop's own driver, a browser with Chinese glyphs, a session
# bus with a keyring, and hosts made of network namespaces.
TEST_PACKAGES=(webkit2gtk-driver xvfb xauth xdotool imagemagick dbus gnome-keyring
    fonts-noto-cjk fonts-noto-color-emoji chromium iproute2 nftables procps)
# Debian's newest Rust with the sources of the standard library: it can build any target where
# rustup's ready-made ones cannot be downloaded.
TARGET_PACKAGES=(rustc-web cargo-web rust-web-src)
WINDOWS_PACKAGES=(gcc-mingw-w64-x86-64 g++-mingw-w64-x86-64 wine64 wine)

as_root() {
    if ((EUID == 0)); then
        "$@"
    elif have sudo; then
        sudo "$@"
    else
        die "installing system packages needs root, and there is no sudo here." "Run as root: $*"
    fi
}

apt_missing() {
    local installed
    installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "$@" 2>/dev/null |
        sed -n 's/^installed //p' || true)
    local package
    for package in "$@"; do
        grep -qxF -- "$package" <<<"$installed" || printf '%s\n' "$package"
    done
}

apt_install() {
    have dpkg-query && have apt-get ||
        die "this set-up knows Debian and Ubuntu only." \
            "Install the counterparts of these packages, then run cargo and npm as CONTRIBUTING.md says:" "$*"
    local missing
    mapfile -t missing < <(apt_missing "$@")
    ((${#missing[@]})) || return 0
    say "Installing system packages: ${missing[*]}"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q ||
        die "apt-get update failed; the lines above say why." "Is this machine connected?"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends "${missing[@]}" ||
        die "apt-get could not install: ${missing[*]}" "The lines above say which package and why."
}

check_rust() {
    local channel wanted
    channel=$(rust_channel)
    wanted=$(sed -n 's/^rust-version *= *"\(.*\)"/\1/p' Cargo.toml)
    if have rustup; then
        [[ -n ${RUSTUP_TOOLCHAIN:-} ]] || rust_installed "$channel" ||
            rustup toolchain install "$channel" --profile minimal --component rustfmt --component clippy ||
            die "rustup could not install Rust $channel, which rust-toolchain.toml asks for." \
                "On a connected machine: rustup toolchain install $channel --component rustfmt --component clippy"
    elif ! have cargo || ! have rustc; then
        die "Rust is missing. Install it with these two commands and run this again:" \
            "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --default-toolchain $channel" \
            ". \"\$HOME/.cargo/env\""
    fi
    local version
    version=$(rustc --version | cut -d' ' -f2)
    version_at_least "$version" "$wanted" ||
        die "Rust $version is too old; Anser needs $wanted or newer." \
            "With rustup: rustup toolchain install $channel" \
            "Without: curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --default-toolchain $channel"
    local part
    for part in fmt clippy; do
        cargo "$part" --version >/dev/null 2>&1 ||
            die "cargo $part is missing." "Install it: rustup component add rustfmt clippy"
    done
}

check_node() {
    local advice=("Install Node 22 with these two commands and run this again:"
        "curl -fsSL https://deb.nodesource.com/setup_22.x | sudo -E bash -" "sudo apt-get install -y nodejs")
    have node && have npm || die "Node is missing; the app's pages are built with it." "${advice[@]}"
    local version
    version=$(node --version)
    version=${version#v}
    version_at_least "$version" "$NODE_MINIMUM" ||
        die "Node $version is too old; Anser needs $NODE_MINIMUM or newer." "${advice[@]}"
}

# cargo_tool cargo-deny 0.20.2 — built from source in a directory of its own, kept in cargo's bin.
cargo_tool() {
    have "$1" && return 0
    say "Installing $1 $2 (some minutes, once)"
    env -u CARGO_TARGET_DIR -u RUSTFLAGS cargo install --locked --quiet "$1" --version "$2" ||
        die "cargo could not install $1." "By hand: cargo install --locked $1 --version $2"
}

# The ready-made target where rustup has or gets it, else Debian's Rust, which builds its own.
cross_target() {
    if have rustup; then
        rustup target list --installed 2>/dev/null | grep -qx "$1" && return 0
        [[ -z $(apt_missing "${TARGET_PACKAGES[@]}") ]] && return 0
        say "Adding the Rust target $1"
        timeout 300 rustup target add "$1" && return 0
        say "rustup cannot get $1; taking Debian's Rust to build it."
    fi
    apt_install "${TARGET_PACKAGES[@]}"
}

# npm ci only when the lock file is not the one that node_modules was made from.
install_ui() {
    [[ -f ui/package-lock.json ]] || return 0
    local stamp=ui/node_modules/.anser-lock hash
    hash=$(sha256sum <ui/package-lock.json)
    [[ -f $stamp && $(<"$stamp") == "$hash" ]] && return 0
    say "Installing the app's npm packages"
    (cd ui && npm ci --no-audit --no-fund) ||
        die "npm ci failed in ui/; the lines above say why." "Is this machine connected?"
    printf '%s\n' "$hash" >"$stamp"
}

case ${1:-run} in
run)
    check_rust
    check_node
    apt_install "${BUILD_PACKAGES[@]}"
    install_ui
    ;;
test)
    check_rust
    check_node
    apt_install "${BUILD_PACKAGES[@]}" "${TEST_PACKAGES[@]}"
    cargo_tool cargo-nextest "$NEXTEST_VERSION"
    cargo_tool cargo-deny "$DENY_VERSION"
    cross_target wasm32-unknown-unknown
    install_ui
    ;;
windows)
    check_rust
    check_node
    apt_install "${WINDOWS_PACKAGES[@]}"
    cross_target x86_64-pc-windows-gnu
    ;;
*)
    say "usage: scripts/setup.sh [run|test|windows]" >&2
    exit 2
    ;;
esac
