# SPDX-License-Identifier: MIT
# tests/cli/serve.sh BIN: evtwin-serve: where it listens, what it waits for, backup.
. "$(dirname "$0")/assert.sh"
need curl
status() { curl -s -o body --max-time 60 -w '%{http_code}' "$url$1"; }
answers() { [ "$(status "$1")" = "$2" ]; }

# ---- the store may come later ----
store=$(absent_store later)
evtwin-serve --store "$store" --port 0 >serve.out 2>serve.err &
pid=$!
port=$(port_in serve.err)
url=http://127.0.0.1:$port
check '503 until there is a store' await 10 answers /health 503
check 'it says who makes it' await 5 grep -q "$store does not exist yet; " serve.err
fresh_store later >/dev/null
run evtwin-sim --fleet 2 --interval 0.1 --duration 0.5 --sink "$store" -q
expect 0
check '200 then' await 10 answers /health 200
check 'it says healthy' grep -q '"healthy"' body
check 'the page' [ "$(status /)" = 200 ]
check 'metrics' [ "$(status /metrics)" = 200 ]
check 'both batteries' sh -c "curl -s $url/api/batteries/list | grep -o BATTERY_00. | sort -u | wc -l | grep -qx 2"

# ---- a port in use names the flag ----
run evtwin-serve --store "$store" --listen 127.0.0.1:"$port"
expect 69
one_line
err '--listen'
API_PORT=$port run evtwin-serve --store "$store"
expect 69
err 'API_PORT sets it'
run evtwin-serve --store "$store" --port "$port"
expect 69
one_line
err '--port sets it'
no_err '--listen'
printf 'port = %s\n' "$port" >serve.conf
run evtwin-serve --store "$store" --config serve.conf
expect 69
err 'serve.conf: port sets it'
: >err
API_PORT=0 evtwin-serve --store "$store" >out 2>err &
second=$!
check 'two servers on one database are fine' await 20 grep -q serving err
kill -TERM $second
code=0
wait $second || code=$?
last='the second server'
expect 0

# ---- which port ----
run evtwin-serve --listen nonsense
err '--listen sets it'
expect 2
run evtwin-serve --listen 127.0.0.1:99999
expect 2
run evtwin-serve --listen 0.0.0.0:0
expect 2
one_line
check 'the flag, once' [ "$(grep -o 'insecure.listen' err | wc -l)" -eq 1 ]
err '--insecure-listen'

# ---- the token ----
printf 'hush-hush-hush-hush\n' >token
chmod 644 token
run evtwin-serve --token-file token --store "$store" --listen 127.0.0.1:0
expect 2
one_line
err 'token: others can read'
err '--token-file names it'
no_err '--listen'
chmod 600 token
run evtwin-serve --token-file token --open-reads --store "$store" --listen 0.0.0.0:0
expect 2
one_line
err 'leave out --open-reads'
no_err '--insecure-listen'
run evtwin-serve --token-file no.token --store "$store" --listen 127.0.0.1:0
expect 66
err 'no.token'
run evtwin-serve --allow-host http://twin.example --store "$store" --listen 127.0.0.1:0
expect 2
one_line
err '--allow-host names it'
run evtwin-serve --token-file token --store "$store" --listen 0.0.0.0:0
expect 2
one_line
err 'could be read on the way'
err '--tls-cert'
: >err
evtwin-serve -vv --token-file token --insecure-listen --allow-host twin.example --listen 0.0.0.0:0 --store "$store" >out 2>err &
locked=$!
last='evtwin-serve with a token'
check 'beyond the loopback' await 20 grep -q serving err
err 'without encryption'
its=$(sed -n 's/.*at http:\/\/localhost:\([0-9]*\).*/\1/p' err)
code_of() {
    curl -s -o body.json -w '%{http_code}' "$@" "http://127.0.0.1:$its/api/batteries/list"
}
check 'nothing without it' [ "$(code_of)" = 401 ]
check 'nothing with another one' [ "$(code_of -H 'Authorization: Bearer hush-hush-hush')" = 401 ]
check 'all with it' [ "$(code_of -H 'Authorization: Bearer hush-hush-hush-hush')" = 200 ]
check 'by the name that it was given' [ "$(code_of -H 'Authorization: Bearer hush-hush-hush-hush' -H 'Host: twin.example')" = 200 ]
check 'not by another name' [ "$(code_of -H 'Host: other.example')" = 421 ]
check 'probes need none' curl -sf -o body.json "http://127.0.0.1:$its/health"
kill -TERM $locked
wait $locked || true
check 'the token is not shown' sh -c '! grep -q hush out err'

for uri in evtwin.db redis://host sqlite: "$store?colour=red"; do
    run evtwin-serve --store "$uri" --listen 127.0.0.1:0
    expect 2
    one_line
    err '--store'
    no_err '--listen'
done
run evtwin-serve --port 70000
expect 2
API_PORT=abc run evtwin-serve
expect 78
one_line
err "API_PORT: 'abc' is not a whole number from 0 to 65535"

DB_HOST=db.example DB_PORT=abc run evtwin-serve
expect 78
one_line
err "DB_PORT: 'abc'"

# ---- --check looks at all that is named ----
chmod 600 token
printf 'https://hooks.example/T/B/x\n' >hook
chmod 600 hook
printf 'hush\n' >mail.password
chmod 600 mail.password
mail="smtp://me@mail.example:587/?password_file=mail.password&from=twin@example.org"
printf '[]' >none.json
run evtwin-serve --check --store "$store" --thresholds none.json --token-file token --alert-webhook-file hook --alert-smtp "$mail" --alert-to me@example.org
expect 0
check 'a line each, and all is well' [ "$(grep -c ': ok$' out)" -eq 6 ]
chmod 644 token hook
printf '[{"kind": 1}]' >bad.json
run evtwin-serve --check --store "$store" --thresholds bad.json --token-file token --alert-webhook-file hook --alert-smtp "$mail" --alert-to nobody
expect 65
check 'a line each' [ "$(wc -l <out)" -eq 5 ]
out "store $store: ok"
out 'thresholds bad.json: '
out 'token file token: others can read'
out 'web hook of hook: others can read'
out "'nobody'"
chmod 600 token
run evtwin-serve --check --store "$store" --listen 0.0.0.0:0 --token-file token
expect 2
out 'address 0.0.0.0:0: other machines can reach'
run evtwin-serve --check --store "$store" --listen nonsense
expect 2
out "address nonsense: "

# ---- a store that cannot be read is an input, not an address ----
run evtwin-serve --store sqlite:no/such/folder/t.db --listen 127.0.0.1:0
expect 66
one_line
err 'no/such/folder/t.db'
err 'folder does not exist'
mkdir folder.db
run evtwin-serve --store sqlite:folder.db --listen 127.0.0.1:0
expect 66
one_line
err 'folder.db'
printf 'this is not a database, however long it may be' >noise.db
run evtwin-serve --store sqlite:noise.db --listen 127.0.0.1:0
expect 65
err 'noise.db'
API_PORT=1 run evtwin-serve --listen 127.0.0.1:"$port" --store "$store"
expect 69
err ":$port"

# ---- limits of the user's own, before anything is served ----
limits() { curl -s "$url/api/thresholds" | grep -c "\"quantity\":\"soc\",\"level\":\"CRITICAL\",\"operator\":\"<\",\"limit\":$1}"; }
check 'the contract at first' [ "$(limits 15)" -ge 1 ]
cat >limits.json <<'END'
[{"kind": "status", "quantity": "soc", "level": "CRITICAL", "operator": "<", "limit": 99.5},
 {"kind": "status", "quantity": "soh", "level": "WARNING", "operator": "<", "limit": null}]
END
evtwin-serve --store "$store" --listen 127.0.0.1:0 --thresholds limits.json 2>second.err &
second=$!
check 'it says so' await 10 grep -q "$store: .*limits.json" second.err
check 'and serves' await 10 grep -q "serving $store" second.err
kill -TERM $second
wait $second
limit_is() { [ "$(limits "$1")" = 1 ]; }
check 'whoever serves that store follows' await 10 limit_is 99.5
check 'alerts follow' await 10 sh -c "curl -s $url/api/alerts | grep -q '< 99.5'"
check 'a rule is gone' await 10 sh -c "! curl -s $url/api/thresholds | grep -q '\"status\",\"quantity\":\"soh\",\"level\":\"WARNING\"'"
run evtwin-serve --store "$store" --listen 127.0.0.1:0 --thresholds absent.json
expect 66
one_line
err absent.json
printf '[{"kind": "status", "quantity": "soc", "level": "HOT", "operator": "<", "limit": 3}]' >bad.json
run evtwin-serve --store "$store" --listen 127.0.0.1:0 --thresholds bad.json
expect 65
one_line
err 'bad.json: threshold 1'
printf '[{"kind": "status", "quantity": "charm", "level": "WARNING", "operator": "<", "limit": 3}]' >bad.json
run evtwin-serve --store "$store" --listen 127.0.0.1:0 --thresholds bad.json
expect 65
err "'charm'"
sleep 1.1
check 'a bad file changes nothing' limit_is 99.5

# ---- backup, while others use it ----
if on_postgres; then
    run evtwin-serve --store "$store" --backup copy.db
    expect 2
    one_line
    err pg_dump
else
    run evtwin-serve --store "$store" --backup copy.db
    expect 0
    check 'it is a store' sh -c 'evtwin-serve --store sqlite:copy.db --backup copy2.db'
    run evtwin-serve --store "$store" --backup copy.db
    expect 73
    err 'copy.db'
    run evtwin-serve --store sqlite:absent.db --backup other.db
    expect 66
    check 'and makes none' [ ! -e absent.db ]
    printf 'this is not a database, however long it may be' >junk.db
    run evtwin-serve --store sqlite:junk.db --backup other.db
    expect 65
fi

# ---- a clean end ----
kill -INT $pid
code=0
wait $pid || code=$?
cp serve.err err
last='evtwin-serve, SIGINT'
expect 0
err stopping
finish
