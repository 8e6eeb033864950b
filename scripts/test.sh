#!/usr/bin/env bash
# The whole test run, or the named steps of it:   scripts/test.sh [--list | STEP…]
#
# What fails soonest comes first; the test runner comes last, so its closing lines close the run.
# The run stops at the first step that fails and names it. One target directory, one profile.

source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

STEPS=(setup fmt tidy deny ui-check ui-test ui-build clippy bindings wasm fuzz ui-e2e build nextest)
TARGET=${CARGO_TARGET_DIR:-target}
LOG=$TARGET/test/nextest.log

step_setup() { scripts/setup.sh test; }
step_fmt() { cargo fmt --all --check; }
step_tidy() { cargo xtask tidy; }
# Advisories need a database from the network: `cargo deny check advisories` on a connected machine.
step_deny() { cargo deny --locked check --hide-inclusion-graph licenses bans sources; }
step_ui-check() { (cd ui && npm run --silent lint && npm run --silent check); }
step_ui-test() { (cd ui && npm run --silent test); }
step_ui-build() { (cd ui && npm run --silent build); }
step_ui-e2e() { (cd ui && CI=true npm run --silent e2e); }
step_clippy() { cargo clippy --locked --workspace --all-targets -- -D warnings; }
step_bindings() { cargo xtask bindings --check; }
step_wasm() { scripts/wasm.sh; }
step_fuzz() { scripts/fuzz.sh 10; }
# The programs themselves: the end-to-end tests start them.
step_build() { cargo build --locked --workspace --bins; }
step_nextest() {
    mkdir -p "$(dirname "$LOG")"
    # The step before built it; the tests need not build it again.
    ANSER_BIN=$(realpath "$TARGET")/debug/anser \
        cargo nextest run --locked --workspace --profile ci 2>&1 | tee "$LOG"
}

# Real processes on whole hosts made of network namespaces, and the real window.
step_e2e() {
    cargo build --locked --workspace --bins
    ANSER_BIN=$(realpath "$TARGET")/debug/anser cargo nextest run --locked --profile ci \
        -E 'package(/^anser-e2e/)'
}

# The fast inner loop: nothing that starts a browser, a network or a second program.
step_quick-nextest() {
    cargo nextest run --locked --workspace -E 'not package(/^anser-(e2e|sim)/)'
}
CHECK=(fmt clippy ui-check ui-test quick-nextest)

case ${1:-} in
--list)
    printf '%s\n' "${STEPS[@]}"
    exit 0
    ;;
--check)
    STEPS=("${CHECK[@]}")
    ;;
?*)
    for name in "$@"; do
        declare -F "step_$name" >/dev/null || die "there is no test step called $name." "Steps: ${STEPS[*]}"
    done
    STEPS=("$@")
    ;;
esac

report=()
summary() {
    say "" "== the steps =="
    printf '%s\n' "${report[@]}"
}

for name in "${STEPS[@]}"; do
    say "" "== $name =="
    started=$SECONDS
    # A subshell with its own errexit: inside `if` or `||` bash would ignore the first failures.
    set +e
    (
        set -e
        "step_$name"
    )
    status=$?
    set -e
    line=$(printf '%-14s %6d s' "$name" $((SECONDS - started)))
    if ((status)); then
        report+=("$line  FAILED")
        summary
        die "the step $name failed; what it said stands above." "Only this one again: make test ONLY=$name"
    fi
    say "== $name: $((SECONDS - started)) s =="
    report+=("$line")
done

summary
if [[ " ${STEPS[*]} " == *" nextest "* ]]; then
    grep -E '^ *Summary \[' "$LOG" || true
fi
