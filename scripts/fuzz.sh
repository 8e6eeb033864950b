#!/usr/bin/env bash
# Fuzzes what reads bytes from strangers:   scripts/fuzz.sh [SECONDS [TARGET…]]
#
# With the pinned compiler, guided by coverage, without sanitizers: the code is safe Rust, whose
# faults are panics, hangs and memory, and libFuzzer finds all three. A crash leaves its input in
# target/fuzz/crashes and ends the run.

source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

SECONDS_EACH=${1:-300}
TARGETS=("${@:2}")
((${#TARGETS[@]})) || TARGETS=(frames events)
DIRECTORY=$(realpath -m "${CARGO_TARGET_DIR:-target}")/fuzz
HOST=$(rustc -vV | sed -n 's/^host: //p')

# What cargo-fuzz passes for `--sanitizer none`.
FLAGS=(--cfg fuzzing -Cpasses=sancov-module -Ccodegen-units=1 -Clink-dead-code
    -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares)

# A target named, so that build scripts are not instrumented.
(cd fuzz && CARGO_ENCODED_RUSTFLAGS=$(IFS=$'\x1f' && printf '%s' "${FLAGS[*]}") \
    cargo build --locked --release --target "$HOST" --target-dir "$DIRECTORY")

mkdir -p "$DIRECTORY/crashes"
for target in "${TARGETS[@]}"; do
    say "-- $target, $SECONDS_EACH s --"
    mkdir -p "$DIRECTORY/found/$target"
    log=$DIRECTORY/$target.log
    if ! "$DIRECTORY/$HOST/release/$target" -max_total_time="$SECONDS_EACH" -max_len=65536 \
        -rss_limit_mb=1024 -timeout=10 -print_final_stats=1 \
        -artifact_prefix="$DIRECTORY/crashes/$target-" \
        "$DIRECTORY/found/$target" "fuzz/corpus/$target" >"$log" 2>&1; then
        tail -n 60 "$log"
        die "the fuzzer found an input on which $target fails; it lies in $DIRECTORY/crashes." \
            "Mend it, and keep the input as a named file in fuzz/corpus/$target."
    fi
    grep -E '^stat::(number_of_executed_units|peak_rss_mb)' "$log"
done
