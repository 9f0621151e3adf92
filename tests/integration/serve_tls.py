#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""serve_tls.py BIN: evtwin-serve with a certificate: who is answered, what a browser keeps, the live stream, clients that begin
a handshake and do not end it, what is refused at the start; and its end while answers are under way, with and without TLS."""
import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time

from server.serve import BIN, DEADLINE_S, await_, check
from servers import Skip, certificates, die_with_parent, run_test

TOKEN = "planted-planted-planted-0123456789"
AUTH = {"Authorization": "Bearer " + TOKEN}
PLACES = 256  # connections of a server
running = []


def tool(name, *args, code=0):
    """Run a tool to its end; what it says."""
    done = subprocess.run([os.path.join(BIN, name), *args], capture_output=True, text=True, timeout=DEADLINE_S)
    check(f"{name} {args} ends with {code}, not {done.returncode}: {done.stderr}", done.returncode == code)
    return done.stdout + done.stderr


class Server:
    def __init__(self, *options):
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen([os.path.join(BIN, "evtwin-serve"), "-vv", "--store", "sqlite:fleet.db", "--port", "0", *options],
                                        stderr=self.log, stdout=self.log, preexec_fn=die_with_parent)
        running.append(self.process)
        await_("the server says where it is", lambda: "localhost:" in self.said() or self.process.poll() is not None)
        found = re.search(r"at (https?)://localhost:(\d+)", self.said())
        check("it starts: " + self.said(), found)
        self.is_tls, self.port = found[1] == "https", int(found[2])

    def said(self):
        self.log.seek(0)
        return self.log.read()

    def raw(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE_S)

    def connect(self):
        """A connection that speaks HTTP, encrypted or not."""
        s = self.raw()
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return client_context().wrap_socket(s, server_hostname="localhost") if self.is_tls else s

    def ask(self, path, headers=AUTH, method="GET", body=None):
        with self.connect() as s:
            connection = http.client.HTTPConnection("localhost", self.port)
            connection.sock = s
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        check("a clean end, not " + self.said(), self.process.wait(DEADLINE_S) == 0)


def client_context(authority="ca.crt", version=None):
    context = ssl.create_default_context(cafile=authority)
    if version is not None:
        context.minimum_version = context.maximum_version = version
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return context


# ---- who is answered ----

def who_is_answered(server):
    check("an answer over TLS", server.ask("/api/batteries/list")[0] == 200)
    check("nothing without the token", server.ask("/api/batteries/list", {})[0] == 401)
    check("nothing to another name", server.ask("/health", {"Host": "evil.example"})[0] == 421)
    for version, is_spoken in ((ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_3, True)):
        try:
            with client_context(version=version).wrap_socket(server.raw(), server_hostname="localhost"):
                check(f"{version} is not spoken", is_spoken)
        except (ssl.SSLError, ConnectionError) as e:
            check(f"{version} is spoken: {e}", not is_spoken)
    try:
        client_context("other.crt").wrap_socket(server.raw(), server_hostname="localhost")
        check("a client that does not trust the authority ends it", False)
    except ssl.SSLCertVerificationError:
        pass
    with server.raw() as s:
        s.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        check("HTTP alone is told to speak HTTPS", b" 400 " in (answer := s.makefile("rb").read()) and b"HTTPS" in answer)
    with server.connect() as s:
        s.sendall(b"GET /health HTTP/1.1\r\nHost:localhost\r\nX:  y\r\nConnection:close\r\n\r\n")
        check("blanks behind a colon are the client's choice", s.makefile("rb").read().startswith(b"HTTP/1.1 200 "))
    if shutil.which("curl"):
        done = subprocess.run(["curl", "-sS", "--cacert", "ca.crt", "-H", "@header", f"https://localhost:{server.port}/api/battery/stats"],
                              capture_output=True, timeout=DEADLINE_S)
        check(f"curl gets it: {done.stderr}", b'"success"' in done.stdout)


def login(server):
    body = json.dumps({"token": TOKEN})
    code, headers, _ = server.ask("/login", {"Content-Type": "application/json"}, "POST", body)
    cookie = headers["Set-Cookie"]
    check(f"the cookie is for TLS alone: {cookie}", code == 200 and ("; Secure" in cookie) == server.is_tls and "HttpOnly" in cookie)
    check("it opens", server.ask("/api/alerts", {"Cookie": cookie.split(";")[0]})[0] == 200)


# ---- the live stream ----

def begin(server, path):
    """Ask for an answer that does not end; its connection and what came first."""
    s = server.connect()
    s.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode())
    return s, s.recv(64)


def stream(server):
    s, text = begin(server, "/api/stream")
    check(f"a stream: {text}", b" 200 " in text)
    tool("evtwin-sim", "-q", "--fleet", "1", "--battery-id", "NEW_001", "--interval", "0.1", "--duration", "0.3", "--sink", "sqlite:fleet.db")
    while b'"NEW_001"' not in text:
        piece = s.recv(65536)
        check("the stream goes on", piece)
        text += piece
    s.close()

    # half of the places at once, again and again: those who have left are noticed
    for _ in range(3):
        def one_more():
            its, answer = begin(server, "/api/stream")
            kept.enter_context(its)
            return b" 200 " in answer
        with contextlib.ExitStack() as kept:
            for _ in range(PLACES // 2):
                await_("there is room for a stream", one_more)


# ---- clients that begin and do not go on ----

def hello():
    """The first message of a client."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        client_context().wrap_bio(incoming, outgoing, server_hostname="localhost").do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def half_done(server):
    s = server.connect()
    s.sendall(b"GET / HTTP/1.1\r\nX: ")
    return s


def sent(data):
    def connect(server):
        s = server.raw()
        s.sendall(data)
        return s
    return connect


def hold(server, how, n=PLACES + 64):
    """So many such clients at once; an honest one is answered all the while. How long that took."""
    start = time.monotonic()
    with contextlib.ExitStack() as kept:
        for i in range(n):
            with contextlib.suppress(OSError):  # it may be given up for the next
                kept.enter_context(how(server))
            if i % 16 == 0:
                check("an honest client is answered", server.ask("/health", {})[0] == 200)
        for _ in range(20):
            check("an honest client is answered", server.ask("/health", {})[0] == 200)
    return time.monotonic() - start


def is_held_up(server, how):
    """Is the honest client answered only when the 15 s of the others are over? Judged by how long it takes with places to spare."""
    spare = hold(server, how, PLACES // 2)
    return hold(server, how) > 5 * spare + 8


def slow(server):
    whole = hello()
    for how in (sent(b"GET / HTTP/1.1\r\n"), sent(b"\x16\x03\x01\x00\x05hello"), sent(b"\0" * 4000), sent(os.urandom(4000)),
                sent(whole + os.urandom(4000))):
        hold(server, how)  # whatever they get
    for how in (sent(b""), sent(whole[:3]), sent(whole[:-1]), sent(whole), half_done):
        check("it does not wait for their end", not all(is_held_up(server, how) for _ in range(3)))


def renegotiation(server):
    """A client that shakes hands anew, which costs a server more than it, is cut off."""
    client = subprocess.Popen(["openssl", "s_client", "-connect", f"localhost:{server.port}", "-tls1_2", "-CAfile", "ca.crt"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    running.append(client)
    answer = b""
    while b"Extended master secret" not in answer:
        piece = client.stdout.readline()
        check(f"a first handshake: {answer}", piece)
        answer += piece
    client.stdin.write(b"R\n")
    client.stdin.flush()
    answer = client.stdout.read()  # to its end, though it has more to say
    client.wait(DEADLINE_S)
    check(f"a second one ends it: {answer}", b"RENEGOTIATING" in answer)
    check("the server goes on", server.ask("/health", {})[0] == 200)


# ---- the end ----

def end_while_answering(*options):
    """A stop while streams are open, an export is not taken, questions are on their way: within its bound, with code 0."""
    server = Server(*options)
    streams = [begin(server, "/api/stream")[0] for _ in range(20)]
    export, first = begin(server, "/api/battery/export?battery_id=LONG_001&format=csv&from=2024-01-01T00:00:00Z&until=2024-01-06T00:00:00Z")
    check(f"an export: {first}", b" 200 " in first)
    asking = []
    for _ in range(20):
        s = server.connect()
        s.sendall(f"GET /api/battery/stats HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode() * 3)
        asking.append(s)
    start = time.monotonic()
    server.stop()
    print(f"stopped while answering, {'with' if server.is_tls else 'without'} TLS: {time.monotonic() - start:.1f} s", flush=True)
    check("the export was not whole yet", not rest_of(export).endswith(b"\r\n0\r\n\r\n"))
    for s in streams:
        check("a stream ends as it should", rest_of(s).endswith(b"\r\n0\r\n\r\n"))
    for s in asking:
        rest_of(s)
    return server


def rest_of(s):
    """Up to the end, which is clean or a reset."""
    text = b""
    with contextlib.suppress(ConnectionError, ssl.SSLError), s:
        while piece := s.recv(65536):
            text += piece
    return text


# ---- what is refused at the start ----

def make_expired():
    with open("ca.conf", "w") as f:
        f.write("[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\nserial=serial.txt\nnew_certs_dir=.\ndefault_md=sha256\npolicy=p\n"
                "[p]\ncommonName=supplied\n")
    open("index.txt", "w").close()
    with open("serial.txt", "w") as f:
        f.write("01\n")
    subprocess.run(["openssl", "ca", "-batch", "-notext", "-config", "ca.conf", "-selfsign", "-keyfile", "server.key", "-in", "server.csr", "-out", "old.crt",
                    "-startdate", "20200101000000Z", "-enddate", "20200201000000Z"], check=True, capture_output=True)


def refusals():
    subprocess.run(["openssl", "pkcs8", "-topk8", "-in", "server.key", "-passout", "pass:x", "-out", "locked.key"], check=True)
    shutil.copy("server.key", "open.key")
    os.chmod("open.key", 0o644)
    with open("not.pem", "w") as f:
        f.write("hello\n")
    cases = [("server.crt", "other.key", 2, "not the key of the certificate"), ("server.crt", "locked.key", 65, "encrypted"),
             ("server.crt", "open.key", 2, "chmod"), ("server.crt", "absent.key", 66, "absent.key"), ("absent.crt", "server.key", 66, "absent.crt"),
             ("not.pem", "server.key", 65, "not.pem"), ("server.crt", "not.pem", 65, "private key")]
    os.chmod("not.pem", 0o600)
    for cert, key, code, words in cases:
        named = ["--store", "sqlite:fleet.db", "--port", "0", "--tls-cert", cert, "--tls-key", key]
        said = tool("evtwin-serve", *named, code=code)
        check(f"{cert}, {key}: {said}", words in said and "--tls-" in said and said.count("\n") == 1)
        said = tool("evtwin-serve", *named, "--check", code=code)
        check(f"--check of {cert}, {key}: {said}", words in said and f"certificate {cert}: " in said)
    said = tool("evtwin-serve", "--port", "0", "--tls-cert", "server.crt", code=2)
    check(f"a certificate alone: {said}", "--tls-key" in said)
    said = tool("evtwin-serve", "--store", "sqlite:fleet.db", "--listen", "0.0.0.0:0", "--check", "--token-file", "token", "--tls-cert",
                "server.crt", "--tls-key", "server.key")
    check(f"--check: {said}", said.count(": ok\n") == 4 and "address 0.0.0.0:0: ok" in said)
    make_expired()
    server = Server("--tls-cert", "old.crt", "--tls-key", "server.key")
    check("a certificate that has expired is warned of: " + server.said(), "expired on" in server.said())
    server.stop()


def nothing_leaks(server, metrics):
    """Neither the token nor the key is where others can see it."""
    with open("server.key") as f:
        key = f.read().splitlines()[1]
    for secret in (TOKEN, key):
        for where in ("cmdline", "environ"):
            with open(f"/proc/{server.process.pid}/{where}") as f:
                check(f"no secret in {where}", secret not in f.read())
        check("no secret in the log", secret not in server.said())
        check("no secret in metrics", secret not in metrics)


def prepare():
    certificates(".")
    os.chmod("server.key", 0o640)
    for name, text in (("token", TOKEN), ("header", "Authorization: " + AUTH["Authorization"])):
        with open(os.open(name, os.O_CREAT | os.O_WRONLY, 0o600), "w") as f:
            f.write(text)
    tool("evtwin-sim", "-q", "--fleet", "3", "--interval", "0.1", "--duration", "0.3", "--sink", "sqlite:fleet.db")
    tool("evtwin-sim", "-q", "--fleet", "1", "--battery-id", "LONG_001", "--interval", "2", "--speed", "max", "--duration", "300000", "--sink",
         "sqlite:fleet.db")


def main():
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder) if hasattr(contextlib, "chdir") else inside(folder):
        prepare()
        refusals()
        tls = ["--token-file", "token", "--tls-cert", "server.crt", "--tls-key", "server.key"]
        open_to_all = Server("--listen", "0.0.0.0:0", *tls)
        check("nothing to warn of: " + open_to_all.said(), "can be reached" not in open_to_all.said())
        check("an answer", open_to_all.ask("/health", {})[0] == 200)
        silent = [how(open_to_all) for how in (sent(hello()[:20]), sent(hello()), half_done)]
        server = Server(*tls)
        for part in (who_is_answered, login, stream, renegotiation, slow):
            start = time.monotonic()
            part(server)
            print(f"{part.__name__}: {time.monotonic() - start:.1f} s", flush=True)
        nothing_leaks(server, server.ask("/metrics")[2].decode())
        server.stop()
        for s in silent:  # the deadline of a request ends them, or that of the socket the test
            with contextlib.suppress(ConnectionError, ssl.SSLError), s:
                while s.recv(65536):
                    pass
        open_to_all.stop()
        nothing_leaks_at_the_end = [end_while_answering(*tls), end_while_answering("--token-file", "token")]
        check("no token in their logs", not any(TOKEN in its.said() for its in nothing_leaks_at_the_end))


@contextlib.contextmanager
def inside(folder):
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


if __name__ == "__main__":
    run_test(main, running)
