# For the checks that are shell scripts: source this, then say how each case went.
# A suite is any executable in tests/suites, tests/interop, tests/e2e or tests/docs.
# Each of its cases prints one line, `ok NAME`, `FAIL NAME` or `skip NAME WHY`, and
# after a FAIL what went wrong, indented. tools/check counts these lines, and counts a
# suite as one failure more when it prints none, or ends with a status and no FAIL.
# It runs in the top folder, without input, with DEMUR (the binary) and BUILD set, and
# beside others, unless one of its first lines is `# alone: WHY`. All of build/ that make
# makes is there already; it may itself run JOBS things at a time.

ok() { echo "ok $1"; }
fail() { # fail NAME [TEXT]
    echo "FAIL $1"
    [ $# -lt 2 ] || printf '%s\n' "$2" | sed 's/^/  /'
}
skip() { echo "skip $1 $2"; } # skip NAME WHY
# expect NAME COMMAND... : the case is that the command succeeds; its output is shown if not.
expect() {
    local name=$1 out
    shift
    if out=$("$@" 2>&1); then ok "$name"; else fail "$name" "$out"; fi
}
# expect_failure NAME COMMAND... : the case is that the command is refused.
expect_failure() {
    local name=$1 out
    shift
    if out=$("$@" 2>&1); then fail "$name" "it succeeded: $out"; else ok "$name"; fi
}
