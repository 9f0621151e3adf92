# SPDX-License-Identifier: MIT
"""A tracking server (or an S3) that answers as it is told, and the library's client beside it."""
import http.server
import json
import socket
import sys
import threading

from .base import LOCALHOST, free_port
from .track_client import Client

TOOLS = sys.argv[1]
PASSWORD, TOKEN = "pass-of-the-test", "token-of-the-test"
API = "/api/2.0/mlflow/"
FILES = "/api/2.0/mlflow-artifacts/artifacts"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        self.server.seen.append((self.command, self.path, dict(self.headers), body))
        reply = self.server.reply
        reply = reply(self) if callable(reply) else reply
        if reply is None:  # it has answered by itself
            return
        code, data, *more = reply
        data = json.dumps(data) if not isinstance(data, (str, bytes)) else data
        data = data.encode() if isinstance(data, str) else data
        self.send_response(code)
        for name, value in (more[0] if more else {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer


class Liar:
    def __init__(self, tls=None):
        self.server = http.server.ThreadingHTTPServer((LOCALHOST, free_port()), Handler)
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.scheme = "https" if tls else "http"
        self.server.daemon_threads = True
        self.server.seen, self.server.reply = [], (200, {})
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def uri(self):
        return f"{self.scheme}://{LOCALHOST}:{self.server.server_address[1]}"

    @property
    def seen(self):
        return self.server.seen

    def says(self, *reply):
        self.server.seen.clear()
        self.server.reply = reply[0] if callable(reply[0]) else reply


def client(liar, **options):
    options = {"n_retries": 0, "retry_pause_s": 0.01, "timeout_s": 60, **options}
    return Client(TOOLS, options.pop("uri", liar.uri), env=options.pop("env", None), **options)


def hang_up(handler):
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def endless(handler):
    handler.send_response(200)
    handler.end_headers()
    handler.close_connection = True
    try:
        while True:
            handler.wfile.write(b" " * 65536)
    except OSError:
        pass
