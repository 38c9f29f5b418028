# shellcheck shell=bash
# Steps that quickstart.sh and tests/roundtrip/real_people.sh share: start a daemon over one model, ask it for a cohort with
# curl, fetch what was released. Source it; needs $BIN (folder of the programs), curl and jq.

# serve_config FOLDER MODEL_ID MODEL_DIR KEY_FILE PORT [POLICY]: writes FOLDER/snpgen.toml
serve_config() {
    cat >"$1/snpgen.toml" <<EOF
[http]
listen = "127.0.0.1"
port = $5

[data]
dir = "$1/data"

[models]
key_file = "$4"
policy = "${6:-}"

[[model]]
id = "$2"
path = "$3"
EOF
}

# serve_start FOLDER: starts snpgend with FOLDER/snpgen.toml, its log in FOLDER/snpgend.log, and waits until it is ready
serve_start() {
    local folder=$1 port
    port=$(sed -n 's/^port = //p' "$folder/snpgen.toml")
    serve_stop "$folder"
    if curl -sf "http://127.0.0.1:$port/livez" >/dev/null; then
        echo "port $port of 127.0.0.1 is already taken by another daemon; stop it or choose another port" >&2
        return 1
    fi
    setsid "$BIN/snpgend" --config "$folder/snpgen.toml" >>"$folder/snpgend.log" 2>&1 </dev/null &
    echo $! >"$folder/snpgend.pid"
    for _ in $(seq 300); do
        curl -sf "http://127.0.0.1:$port/readyz" >/dev/null && return 0
        kill -0 "$(cat "$folder/snpgend.pid")" 2>/dev/null || break
        sleep 0.2
    done
    echo "the daemon did not become ready; the end of $folder/snpgend.log:" >&2
    tail -20 "$folder/snpgend.log" >&2
    return 1
}

# serve_stop FOLDER: stops the daemon started from FOLDER, if it still runs
serve_stop() {
    local pid
    pid=$(cat "$1/snpgend.pid" 2>/dev/null) || return 0
    # The number may belong to somebody else by now.
    if [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = snpgend ] && kill "$pid" 2>/dev/null; then
        for _ in $(seq 100); do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
    fi
    rm -f "$1/snpgend.pid"
}

# request_cohort URL KEY BODY: submits, follows the job on stderr, prints the final job as JSON; fails unless released
request_cohort() {
    local url=$1 key=$2 body=$3 job location state last=""
    job=$(curl -sS --fail-with-body "$url/v1/jobs" -H "Authorization: Bearer $key" -H 'Content-Type: application/json' -d "$body") || {
        echo "$job" >&2
        return 1
    }
    location=$url/v1/jobs/$(jq -r .id <<<"$job")
    while :; do
        job=$(curl -sS --fail-with-body "$location" -H "Authorization: Bearer $key") || { echo "$job" >&2; return 1; }
        state=$(jq -r '.state + " " + (.stage // "")' <<<"$job")
        [ "$state" = "$last" ] || echo "  job: $state" >&2
        last=$state
        case ${state%% *} in
            queued | running) sleep 0.5 ;;
            released) echo "$job"; return 0 ;;
            *) echo "$job"; jq . <<<"$job" >&2; return 1 ;;
        esac
    done
}

# fetch_release URL KEY JOB_JSON FOLDER: downloads every file of a released job and checks its SHA-256
fetch_release() {
    local url=$1 key=$2 job=$3 folder=$4 id name digest
    id=$(jq -r .id <<<"$job")
    mkdir -p "$folder"
    while read -r name digest; do
        curl -sS --fail-with-body -o "$folder/$name" "$url/v1/jobs/$id/files/$name" -H "Authorization: Bearer $key"
        echo "$digest  $folder/$name" | sha256sum --quiet -c -
    done < <(jq -r '.files[] | .name + " " + .sha256' <<<"$job")
}
