# SPDX-License-Identifier: MIT
# tests/cli/secrets.sh BIN: a password that was planted somewhere is never seen in output, logs, metrics
# or a command line; and where one may stand.
. "$(dirname "$0")/assert.sh"

# quiet WHAT: nothing that the tool said has the secret
quiet() {
    check "$1 is not shown" sh -c '! grep -q hush out err'
}

# ---- on the command line a password is refused, with the way out ----
for uri in 'postgresql://twin:hush@db/twin_data' 'postgres://db/twin_data?password=hush' \
    'mqtt://me:hush@broker/t' 'mqtts://broker/t?TOKEN=hush' 'kafka://k:9092/t?sasl.password=hush' \
    'kafka://k:9092/t?ssl.key.pem=hush' 'nats://me:hush@host/x' 'csv:a.csv?secret=hush' \
    'csv:a.csv?access_key=hush' 'kafka://k:9092/t?group=g&ssl.key.password=hush'; do
    for tool in 'evtwin-sim --sink' 'evtwin-ingest --source' 'evtwin-ingest --sink' \
        'evtwin-ingest --dead-letter' 'evtwin-predict --store' 'evtwin-predict --source' \
        'evtwin-serve --store'; do
        # shellcheck disable=SC2086 # a tool and its option
        run $tool "$uri"
        expect 2
        one_line
        err 'password_file'
        quiet "$uri"
    done
done
run evtwin-sim 'postgresql://twin:hush@db/twin_data' # where no argument belongs
expect 2
quiet 'a stray argument'

# ---- the names of files are not secrets ----
for uri in 'postgresql://twin@db/twin_data?password_file=f' 'postgresql://db/d?sslkey=client.key' \
    'kafka://k:9092/t?properties=client.properties' 'mqtts://b/t?keyfile=k.pem&certfile=c.pem'; do
    run evtwin-sim --sink "$uri" --print-config
    expect 0
done

# ---- in a configuration file it may stand, if others cannot read that ----
printf 'sink = postgresql://twin:hush@127.0.0.1:1/twin_data\nsink = null:\n' >private.conf
chmod 600 private.conf
run evtwin-sim --config private.conf --print-config
expect 0
out 'postgresql://twin:***@127.0.0.1:1/twin_data'
quiet 'a password in a file'
chmod 640 private.conf
run evtwin-sim --config private.conf --print-config
expect 78
one_line
err 'private.conf:1: sink'
err 'chmod 600 private.conf'
quiet 'a password in a file that others can read'
printf 'sink postgresql://twin:hush@db/twin_data\n' >broken.conf
run evtwin-sim --config broken.conf
expect 78
quiet 'a line that is not a setting'
printf 'sink = csv:a.csv?api_key=hush\n' >typo.conf
chmod 600 typo.conf
run evtwin-sim --config typo.conf --duration 0.1
expect 2
quiet 'a parameter that a sink does not have'

# ---- the environment: DB_PASSWORD goes to libpq, and nowhere else ----
for tool in evtwin-sim evtwin-ingest evtwin-predict evtwin-serve; do
    DB_HOST=127.0.0.1 DB_PORT=1 DB_PASSWORD=hush run $tool --print-config
    expect 0
    out 'postgresql://twin@127.0.0.1:1/twin_data'
    out 'by DB_HOST'
    quiet "$tool, DB_PASSWORD"
done

# ---- while it runs: its command line, log and metrics ----
port=$(free_port)
chmod 600 private.conf
printf '{"timestamp":"2024-01-01T00:00:00Z","battery_id":"B1"}\n' >in.jsonl
printf 'sink = jsonl:out.jsonl\ndead-letter = jsonl:bad.jsonl\nsource = jsonl:in.jsonl?follow=1\n' >ingest.conf
printf 'sink = postgresql://twin:hush@127.0.0.1:1/twin_data\n' >>ingest.conf
chmod 600 ingest.conf
: >err
DB_PASSWORD=hush PGPASSWORD=hush evtwin-ingest --config ingest.conf --metrics-port "$port" -vv >out 2>err &
tool=$!
last='evtwin-ingest with a password that it may have'
check 'it names the server' await 60 grep -q '127.0.0.1' err
check 'metrics are served' await 10 sh -c "curl -s http://127.0.0.1:$port/metrics | grep -q '^evtwin_sink_up.*postgresql'"
curl -s "http://127.0.0.1:$port/metrics" >metrics.txt
curl -s "http://127.0.0.1:$port/health" >>metrics.txt
tr '\0' '\n' <"/proc/$tool/cmdline" >cmdline.txt
kill -TERM $tool
wait $tool
for where in metrics.txt cmdline.txt out err; do
    check "$where does not have it" sh -c "! grep -q hush $where"
done
check 'the sink is named' grep -q 'postgresql://twin:\*\*\*@127.0.0.1:1/twin_data' metrics.txt
check 'the log names the sink' grep -q 'twin:\*\*\*@127.0.0.1' err

finish
