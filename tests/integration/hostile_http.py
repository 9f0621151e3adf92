#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""hostile_http.py BIN: evtwin-serve under slow clients, malformed requests, path traversal and injection.

An honest client asks all the while; its times in each attack are compared with those before. Some of it over TLS too."""
import itertools
import multiprocessing
import os
import random
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time

from servers import Skip, certificates, die_with_parent

BIN = os.path.abspath(sys.argv[1])
DEADLINE_S = 60
SLOW_S = 8  # how long each slow attack goes on
P99_S = 0.050  # or PATIENCE times that of the quiet server, on a machine that is busy with other things
PATIENCE = 5
LEAST_S = 3
TRIES = 2  # the machine may do other things just then
TOKEN = "a-token-that-nobody-finds-0123456789"
encrypting = {}  # context of TLS by the ports that speak it
SECRETS = (b"root:x:0", b"SQLite format 3", TOKEN.encode(), b"LD_LIBRARY_PATH=", b"PWD=")


def connect(port):
    s = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return encrypting[port].wrap_socket(s, server_hostname="localhost") if port in encrypting else s


def talk(port, data, is_all=True):
    """What comes back until the server closes; an endless wait fails the test. is_all: the client sends no more."""
    with connect(port) as s:
        answer = b""
        try:
            s.sendall(data)
            if is_all:
                s.shutdown(socket.SHUT_WR)
            while piece := s.recv(65536):
                answer += piece
        except (ConnectionError, BrokenPipeError, ssl.SSLError):
            pass
        except TimeoutError:
            sys.exit(f"no end of the answer to {data[:200]!r}")
        return answer


def get(port, target, headers=b""):
    return talk(port, b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + headers + b"\r\n", False)


def status(answer):
    found = re.match(rb"HTTP/1\.[01] (\d{3}) ", answer)
    return int(found[1]) if found else 0


# ---- the honest client ----

def ask_honestly(port, stop, pipe):
    times, bad = [], []
    while not stop.is_set():
        start = time.monotonic()
        try:
            answer = get(port, b"/api/battery/latest", b"Authorization: Bearer " + TOKEN.encode() + b"\r\n")
            bad += [answer[:200]] if status(answer) != 200 else []
        except OSError as e:
            bad.append(repr(e))
        times.append(time.monotonic() - start)
        time.sleep(0.01)
    pipe.send((times, bad))


def p99(times):
    return sorted(times)[int(len(times) * 0.99)]


def while_asking(port, attack):
    """Run the attack, again and again if it is short; the honest client's times meanwhile. All its requests must be answered."""
    stop = multiprocessing.Event()
    here, there = multiprocessing.Pipe()
    client = multiprocessing.Process(target=ask_honestly, args=(port, stop, there), daemon=True)
    client.start()
    end = time.monotonic() + LEAST_S
    try:
        attack()
        while time.monotonic() < end:
            attack()
    finally:
        stop.set()
    times, bad = here.recv() if here.poll(DEADLINE_S) else sys.exit("the honest client got no answer")
    client.join()
    if bad or len(times) < 20:
        sys.exit(f"{attack.__doc__}: {len(bad)} of {len(times)} honest requests failed: {bad[:3]}")
    return times


# ---- attacks ----

def slow(name, *options):
    def attack():
        subprocess.run(["slowhttptest", "-c", "500", "-r", "400", "-i", "1", "-l", str(SLOW_S), "-p", "5", *options],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=DEADLINE_S + SLOW_S)
    attack.__doc__ = name
    return attack


def slow_attacks(url):
    return [slow("slow headers", "-H", "-u", url + "/"), slow("ranges", "-R", "-u", url + "/"),
            slow("slow readers", "-X", "-u", url + "/api/batteries/list", "-w", "1", "-y", "2", "-n", "1", "-z", "4")]


def attacks_on_the_login(url):
    return [slow("slow bodies", "-B", "-u", url + "/login", "-f", "application/json"), slow("slow headers, with a token", "-H", "-u", url + "/")]


def malformed():
    """Requests that no server may answer with success, and mutations that must only get an answer or an end."""
    host, ok = b"Host: localhost\r\n", b"GET /api/alerts HTTP/1.1\r\n"
    lines = [b"", b" ", b"\0", b"GET", b"GET /", b"GET  / HTTP/1.1", b"GET / HTTP/1.1 ", b" GET / HTTP/1.1", b"GET\t/\tHTTP/1.1",
             b"GET / HTTP/2.0", b"GET / HTTP/0.9", b"GET / HTTP/1.10", b"GET / http/1.1", b"GET / HTTPS/1.1", b"GET / HTTP/1.", b"G\0T / HTTP/1.1",
             b"GET /\0 HTTP/1.1", b"GET /a b HTTP/1.1", b"(GET) / HTTP/1.1", b"PRI * HTTP/2.0", b"GET * HTTP/1.1", b"CONNECT localhost:80 HTTP/1.1",
             b"OPTIONS * HTTP/1.1", b"TRACE / HTTP/1.1", b"DELETE / HTTP/1.1", b"PATCH / HTTP/1.1", b"GET http:// HTTP/1.1", b"GET //evil/ HTTP/1.1",
             b"GET http://evil.example/ HTTP/1.1", b"GET \\ HTTP/1.1", b"GET /%zz HTTP/1.1", b"GET /%00 HTTP/1.1", b"GET /% HTTP/1.1",
             b"GET /\xff\xfe HTTP/1.1", b"GET /" + b"a" * 9000 + b" HTTP/1.1", b"A" * 20000 + b" / HTTP/1.1", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
             b"GET /api/alerts?" + b"a=b&" * 900 + b" HTTP/1.1", b"GET /api/alerts?a=1&a=1 HTTP/1.1"]
    yield from (line + b"\r\n" + host + b"\r\n" for line in lines)
    fields = [b"", b"Host: a\r\n" + host, host + host, b"Host : localhost\r\n", b" Host: localhost\r\n", b"Host\r\n", b": x\r\n" + host,
              host + b"X: a\r\n b\r\n", host + b"X: a\0b\r\n", host + b"X: a\rb\r\n", host + b"X: a\nGET / HTTP/1.1\n\r\n", host + b"X\xff: a\r\n",
              host + b"X Y: a\r\n", host + b"X: \x01\r\n", host + b"X: \x7f\r\n", host + b"X: " + b"a" * 20000 + b"\r\n",
              host + b"".join(b"X%d: a\r\n" % i for i in range(300)), b"Host: evil.example\r\n", b"Host: localhost@evil.example\r\n",
              b"Host: localhost evil\r\n", b"Host: [::1\r\n", b"Host: localhost:99999\r\n", b"Host: localhost:x\r\n", b"Host: \r\n"]
    yield from (ok + f + b"\r\n" for f in fields)
    lengths = [b"1", b"-1", b"+1", b"0x1", b"1 1", b"1,1", b"", b"9" * 30, b"18446744073709551616", b"1\r\nContent-Length: 2", b"1e3", b"00x"]
    codings = [b"chunked", b"chunked, chunked", b"gzip, chunked", b"xchunked", b"chunked\r\nContent-Length: 3", b"identity", b"\x0bchunked", b"CHUNKED"]
    bodies = [b"a", b"0\r\n\r\n", b"ffffffffffffffff\r\n", b"-1\r\n\r\n", b"1;" + b"x" * 5000 + b"\r\na\r\n0\r\n\r\n", b"z\r\n"]
    for method, target in ((b"GET", b"/api/alerts"), (b"POST", b"/login"), (b"POST", b"/")):
        head = method + b" " + target + b" HTTP/1.1\r\n" + host
        yield from (head + b"Content-Length: " + n + b"\r\n\r\nabc" for n in lengths)
        yield from (head + b"Transfer-Encoding: " + c + b"\r\n\r\n" + b for c, b in itertools.product(codings, bodies))


def mutated(n):
    chosen = random.Random(9)
    good = b"GET /api/battery/latest?battery_id=BATTERY_001 HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n"
    for _ in range(n):
        data = bytearray(good)
        for _ in range(chosen.randint(1, 4)):
            at = chosen.randrange(len(data))
            data[at:at + chosen.randint(0, 3)] = chosen.randbytes(chosen.randint(0, 3))
        yield bytes(data)


def send_malformed(port):
    def attack():
        n = 0
        for data in malformed():
            n += 1
            if 200 <= status(talk(port, data)) < 400:
                sys.exit(f"this was answered: {data[:200]!r}")
        for data in mutated(300):
            n += 1
            if status(talk(port, data)) >= 500:
                sys.exit(f"the server failed at {data[:200]!r}")
        assert n >= 500
        attack.__doc__ = f"{n} malformed requests"
    attack.__doc__ = "malformed requests"
    return attack


def payloads():
    ups = [b"../", b"..%2f", b"%2e%2e/", b"%2e%2e%2f", b"..%5c", b"..\\", b"....//", b"..;/", b"%252e%252e%252f", b"..%c0%af", b"%c0%ae%c0%ae/",
           b".%2e/", b"..%00/", b"/../", b"./../", b"..%u2215"]
    files = [b"etc/passwd", b"proc/self/environ", b"fleet.db", b"evtwin.token"]
    for start, up, file, depth in itertools.product((b"/", b"/api/", b"/battery/"), ups, files, (1, 8)):
        yield start + up * depth + file
    yield from (b"//etc/passwd", b"/etc/passwd", b"/%2fetc%2fpasswd", b"file:///etc/passwd", b"/proc/self/environ", b"/fleet.db", b"/.git/config",
                b"/index.html%00.js", b"/index.html/../../fleet.db", b"/.env", b"/~root", b"/web/index.html", b"/evtwin.token")


def injections():
    texts = [b"' OR '1'='1", b"'; DROP TABLE ev_telemetry;--", b"\" OR 1=1 --", b"1 UNION SELECT sqlite_version()", b"') OR ('1'='1",
             b"<script>alert(1)</script>", b"\"><img src=x onerror=alert(1)>", b"{{7*7}}", b"${7*7}", b"%s%s%s%n", b"$(id)", b"`id`", b"; id", b"| id",
             b"a\r\nX-Injected: 1", b"a\nX-Injected: 1", b"\0", b"BATTERY_001\0", b"../BATTERY_001", b"BATTERY_%", b"*", b"[]", b"-1", b"1e999", b"nan",
             b"9" * 400, b"\xff\xfe", b"\xe2\x80\xae", b"=cmd|' /C calc'!A0", b"(&(a=*))"]
    for name, path in ((b"battery_id", b"latest"), (b"battery_id", b"history"), (b"cursor", b"history"), (b"limit", b"predictions"), (b"hours", b"stats"),
                       (b"until", b"stats")):
        for text in texts:
            yield b"/api/battery/" + path + b"?" + name + b"=" + b"".join(b"%%%02x" % c for c in text), text


def send_payloads(port, before):
    def attack():
        n = 0
        for target in payloads():
            n += 1
            answer = get(port, target)
            if status(answer) >= 500 or any(secret in answer for secret in SECRETS):
                sys.exit(f"{target!r} got {answer[:300]!r}")
        for target, text in injections():
            n += 1
            answer = get(port, target)
            head = answer.partition(b"\r\n\r\n")[0]
            if status(answer) not in (400, 404, 414) or b"X-Injected" in head or b"application/json" not in head:
                sys.exit(f"{text!r} in {target!r} got {answer[:300]!r}")
        if get(port, b"/api/battery/stats").count(b'"total_records":%d,' % before) != 1:
            sys.exit("the store has other records than before")
        assert n >= 300
        attack.__doc__ = f"{n} payloads of path traversal and injection, which got nothing"
    attack.__doc__ = "path traversal and injection"
    return attack


# ---- the run ----

def start_server(folder, *options):
    server = subprocess.Popen([os.path.join(BIN, "evtwin-serve"), "--store", "sqlite:fleet.db", "--port", "0", *options], cwd=folder,
                              stderr=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
    for line in server.stderr:
        if found := re.search(r"at https?://localhost:(\d+)", line):
            return server, int(found[1])
    sys.exit("evtwin-serve does not start")


def check(port, attack, allowed):
    for _ in range(TRIES):
        times = while_asking(port, attack)
        print(f"{attack.__doc__}{' over TLS' if port in encrypting else ''}: p99 {p99(times) * 1e3:.1f} ms of {len(times)} honest requests, "
              f"longest {max(times) * 1e3:.1f} ms; {'within' if p99(times) <= P99_S else 'MORE THAN'} {P99_S * 1e3:.0f} ms", flush=True)
        if p99(times) <= allowed:
            return
    sys.exit("an honest client waits too long")


def allowed_at(port):
    quiet = p99(while_asking(port, lambda: time.sleep(LEAST_S)))
    allowed = max(P99_S, PATIENCE * quiet)
    print(f"quiet{' over TLS' if port in encrypting else ''}: p99 {quiet * 1e3:.1f} ms; asserted below {allowed * 1e3:.1f} ms; "
          f"{os.getloadavg()[0]:.1f} programs on {os.cpu_count()} processors", flush=True)
    return allowed


def try_all(port, locked_port, tls_port):
    """The second server has a token, the third one TLS too."""
    before = int(re.search(rb'"total_records":(\d+)', get(port, b"/api/battery/stats"))[1])
    allowed = allowed_at(port)
    for attack in [send_malformed(port), send_payloads(port, before), *slow_attacks(f"http://127.0.0.1:{port}")]:
        check(port, attack, allowed)
    for attack in attacks_on_the_login(f"http://127.0.0.1:{locked_port}"):
        check(locked_port, attack, allowed)
    allowed = allowed_at(tls_port)
    for attack in [send_malformed(tls_port), *attacks_on_the_login(f"https://127.0.0.1:{tls_port}")]:
        check(tls_port, attack, allowed)
    for its_port in (locked_port, tls_port):
        for target in itertools.chain(payloads(), (t for t, _ in injections())):
            answer = get(its_port, target)
            if status(answer) < 400 or any(secret in answer for secret in SECRETS):
                sys.exit(f"{target!r} without the token got {answer[:300]!r}")


def main():
    if shutil.which("slowhttptest") is None:
        raise Skip("slowhttptest is not installed")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([os.path.join(BIN, "evtwin-sim"), "-q", "--fleet", "50", "--interval", "0.5", "--duration", "2", "--sink", "sqlite:fleet.db"],
                       check=True, cwd=folder)
        with open(os.open(folder + "/evtwin.token", os.O_CREAT | os.O_WRONLY, 0o600), "w") as f:
            f.write(TOKEN)
        certificates(folder)
        os.chmod(folder + "/server.key", 0o600)
        locked = ["--token-file", "evtwin.token"]
        servers = [start_server(folder), start_server(folder, *locked),
                   start_server(folder, *locked, "--tls-cert", "server.crt", "--tls-key", "server.key")]
        encrypting[servers[2][1]] = ssl.create_default_context(cafile=folder + "/ca.crt")
        try:
            try_all(*(port for _, port in servers))
            for server, _ in servers:
                server.terminate()
            if any(server.wait(DEADLINE_S) for server, _ in servers):
                sys.exit("a server did not end well")
        finally:
            for server, _ in servers:
                server.kill()


if __name__ == "__main__":
    try:
        main()
    except Skip as e:
        print("skipped:", e)
        sys.exit(77)
