#!/usr/bin/env bash
# Builds anser.exe for 64-bit Windows and lets it chat with a native node under Wine. Not part of
# `make test`: the first build takes many minutes. A target directory of its own.

source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

TARGET=x86_64-pc-windows-gnu
HERE=${CARGO_TARGET_DIR:-$ROOT/target}/windows
WINE=/usr/lib/wine/wine64
[[ -x $WINE ]] || WINE=$(command -v wine64 || command -v wine) || die "Wine is missing." "Run scripts/setup.sh windows"

# Symbols are not exported from programs, and the C runtime's helpers are linked in, not shipped.
export CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUSTFLAGS='-Clink-arg=-Wl,--exclude-all-symbols -Clink-arg=-static'
export CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER=x86_64-w64-mingw32-gcc

say "== anser.exe =="
cross_build "$TARGET" "$HERE" --package anser-cli
exe=$HERE/$TARGET/debug/anser.exe

foreign=$(x86_64-w64-mingw32-objdump -p "$exe" | sed -n 's/.*DLL Name: //p' | grep -iE '^lib|winpthread|stdc' || true)
[[ -z $foreign ]] || die "anser.exe needs libraries that Windows lacks: $foreign"

say "== a native anser =="
cargo build --locked --package anser-cli
native=${CARGO_TARGET_DIR:-$ROOT/target}/debug/anser

say "== a chat between the two =="
stage=$(mktemp -d)
export WINEPREFIX=$HERE/prefix WINEARCH=win64 WINEDEBUG=-all WINEDLLOVERRIDES='mscoree=;mshtml='
unset DISPLAY WAYLAND_DISPLAY
mkdir -p "$HERE"
# Wine's server ends by itself a few seconds after its last program; `-k` is only for what hangs.
trap 'wineserver -k >/dev/null 2>&1 || true; rm -rf -- "$stage"' EXIT
[[ -d $WINEPREFIX ]] || timeout 180 "$WINE" wineboot -i </dev/null >/dev/null 2>&1 || die "Wine could not make its directory."
cp "$exe" "$stage/anser.exe"
x86_64-w64-mingw32-gcc -shared -O2 -o "$stage/bcryptprimitives.dll" scripts/windows/bcryptprimitives.c -ladvapi32
node scripts/windows/smoke.mjs "$native" "$WINE" "$stage/anser.exe" "$stage"
