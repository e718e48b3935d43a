# For the end-to-end checks: a temporary folder, a real server on a free port,
# homes. Source it first. DEMUR is the binary, absolute or from the top folder.
set -u
. "$(dirname "${BASH_SOURCE[0]}")/../suite.sh"
case ${DEMUR:=build/release/demur} in /*) ;; *) DEMUR=$PWD/$DEMUR ;; esac
[ -x "$DEMUR" ] || { skip "$(basename "$0")" "there is no $DEMUR"; exit 0; }
TOP=$PWD
WORK=$(mktemp -d /tmp/demur-e2e-XXXXXX)
SERVERS=()
finish() {
    for pid in "${SERVERS[@]}"; do kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; done
    rm -rf "$WORK"
}
trap finish EXIT
trap 'exit 1' INT TERM
export DEMUR_TEST_LOG2N=4 # identity files that open at once
export DEMUR_PASSPHRASE='a passphrase for tests'
unset DEMUR_HOME DEMUR_PHRASE XDG_DATA_HOME
export HOME=$WORK/nobody
cd "$WORK" || exit 1

demur() { "$DEMUR" "$@"; }
# json KEY : the text of that key in the one object on the standard input.
json() { sed -n 's/.*"'"$1"'":"\([^"]*\)".*/\1/p'; }

# found_channel [OPTION...] : a channel in ch/, its keys in keys/, served; sets
# URL, CHANNEL, TOKEN. Homes are given `--url "$URL"`, for its port is not known before.
found_channel() {
    demur init ch --origin test.example/1 --keys keys --listen 127.0.0.1:0 \
        --url http://127.0.0.1:1 --json "$@" > founded.json || return 1
    CHANNEL=$(json channel < founded.json)
    TOKEN=$(json token < founded.json)
    start_server
}
# start_server [OPTION...] : serve ch/; SERVER is its process, URL where it is. It has
# START_SECONDS for that (30).
start_server() {
    rm -f ch/url
    : > serve.out # here, so that nobody reads what the one before it wrote
    "$DEMUR" serve ch "$@" > serve.out 2> serve.err &
    SERVER=$!
    SERVERS+=("$SERVER")
    local _
    for _ in $(seq $((10 * ${START_SECONDS:-30}))); do
        grep -q '^listening on ' serve.out && break
        kill -0 "$SERVER" 2>/dev/null || { cat serve.err; return 1; }
        sleep 0.1
    done
    URL=$(sed -n 's/^listening on //p' serve.out)
    [ -n "$URL" ]
}
stop_server() {
    kill "$SERVER" && wait "$SERVER" # its status: 0 for a graceful stop
}

# officer HOME ROLE [GRANT OPTION...] : an officer with that role.
officer() {
    local home=$1 role=$2 card
    shift 2
    card=$(demur identity new --home "$home" --name "Officer $home" --channel "$CHANNEL" \
        --url "$URL" --token "$TOKEN" --json | json card)
    [ -n "$card" ] && demur grant "$role" "$card" --home keys/root --url "$URL" "$@"
}
# enlist N : invite whom members.csv names; Member 1 to Member N join, in m1/ ... mN/.
enlist() {
    local i
    demur invite members.csv --out invitations.csv --home keys/roster --url "$URL" || return 1
    for i in $(seq "$1"); do
        sed -n "s/^Member $i,[^,]*,//p" invitations.csv |
            demur join - --home "m$i" --name "Member $i" || return 1
    done
}
# members N [AGENCY] : N members of the State policy.
members() {
    local i
    { echo name,agency,citizenship,engagement,grade
      for i in $(seq "$1"); do echo "Member $i,${2:-state},us,employee,FS-0$((i % 5 + 1))"; done
    } > members.csv
    enlist "$1"
}
# office : a channel under office.policy, its officers in desk/ board/ auditor/ press/, and six
# members, of whom m1 m2 m3 are clerks and m4 m5 m6 managers.
office() {
    found_channel --policy "$TOP/tests/e2e/office.policy" || return 1
    local i role grade=clerk
    for role in desk board auditor press; do officer $role $role || return 1; done
    { echo name,grade
      for i in 1 2 3 4 5 6; do
          [ "$i" -lt 4 ] || grade=manager
          echo "Member $i,$grade"
      done
    } > members.csv
    enlist 6
}

# as WHO COMMAND [ARG...] : demur as the person with that home.
as() {
    local who=$1 command=$2
    shift 2
    demur "$command" --home "$who" --url "$URL" "$@"
}
# mistake NAME CODE TEXT COMMAND... : the case is that the command ends with that exit code, puts
# out nothing, and says in one sentence, which has TEXT, what is wrong.
mistake() {
    local name=$1 code=$2 text=$3 got=0
    shift 3
    "$@" > out 2> err < /dev/null || got=$?
    if [ "$got" = "$code" ] && [ ! -s out ] && [ "$(grep -c '^demur' err)" = 1 ] &&
        grep '^demur.*[.?]$' err | grep -qF -- "$text"; then
        ok "$name"
    else
        fail "$name" "status $got, wanted $code and \"$text\": $(cat out err)"
    fi
}
# tells TEXT : the input has it, perhaps broken between words for 80 columns.
tells() {
    local all
    all=$(cat)
    grep -qF -- "$1" <<< "$all" || tr -s '\n ' ' ' <<< "$all" | grep -qF -- "$1"
}
# done_right NAME TEXT COMMAND... : the case is that it succeeds and says TEXT; see out, err.
done_right() {
    local name=$1 text=$2 got=0
    shift 2
    "$@" > out 2> err < /dev/null || got=$?
    if [ "$got" = 0 ] && cat out err | tells "$text"; then
        ok "$name"
    else
        fail "$name" "status $got, wanted \"$text\": $(cat out err)"
    fi
}
get() { curl -sS -H "Authorization: Bearer $TOKEN" "$@"; }
log_size() { get "$URL/checkpoint" | sed -n 2p; }
# stands NAME SIZE : the case is that the log has so many entries, and an audit finds nothing.
stands() {
    local size audit
    size=$(log_size)
    if [ "$size" = "$2" ] && audit=$(demur audit --home auditing --channel "$CHANNEL" --url "$URL" \
        --token "$TOKEN" 2>&1); then
        ok "$1"
    else
        fail "$1" "the log has $size entries, wanted $2; ${audit:-}"
    fi
}

# here NAME COMMAND... : as expect, but in this shell, for what sets variables.
here() {
    local name=$1
    shift
    if "$@" > here.out 2>&1; then ok "$name"; else fail "$name" "$(cat here.out)"; fi
}
# refused NAME CODE TEXT COMMAND... : the case is that the command ends with that
# exit code and says TEXT. Its input is empty, or the file INPUT.
refused() {
    local name=$1 code=$2 text=$3 out got=0
    shift 3
    out=$("$@" 2>&1 < "${INPUT:-/dev/null}") || got=$?
    if [ "$got" = "$code" ] && tells "$text" <<< "$out"; then
        ok "$name"
    else
        fail "$name" "status $got, wanted $code and \"$text\": $out"
    fi
}
# says NAME TEXT COMMAND... : the case is that the command succeeds and says TEXT.
says() {
    local name=$1 text=$2
    shift 2
    refused "$name" 0 "$text" "$@"
}

# at_terminal COMMAND... : run it at a terminal of its own, whose screen is in screen.
at_terminal() {
    rm -f typing screen
    mkfifo typing
    script -qefc "$(printf '%q ' "$@")" screen < typing > /dev/null 2>&1 &
    TERMINAL=$!
    exec 9> typing
}
# seen PATTERN N : wait until the screen shows it N times.
seen() {
    local _
    for _ in $(seq 300); do
        [ "$(grep -aoE "$1" screen 2> /dev/null | wc -l)" -ge "$2" ] && return 0
        sleep 0.1
    done
    return 1
}
type_line() { sleep 0.3 && echo "$1" >&9; }
terminal_ends() { exec 9>&- && wait "$TERMINAL"; } # the command's own status
