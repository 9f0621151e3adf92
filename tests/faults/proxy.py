# SPDX-License-Identifier: MIT
"""A bad network in front of a server, in this process, without privileges.

    with Proxy(server.port) as p:    # clients use p.port
        p.latency_s = 0.2            # every piece waits so long, in each direction
        p.bytes_per_s = 10_000       # no more than that
        p.slice = 1                  # forwarded in pieces of so many bytes
        p.reset()                    # RST to all who are connected
        p.go_dead(), p.revive()      # half-open: connections stay, nothing gets through
        p.refuse(), p.accept()       # nobody listens
"""
import ctypes
import socket
import threading
import time

from servers import LOCALHOST, free_port

_libc = ctypes.CDLL(None)


class Proxy:
    def __init__(self, target_port=None):
        self.target_port, self.port = target_port, free_port()  # it listens there again after refuse()
        self.latency_s, self.bytes_per_s, self.slice = 0.0, 0, 0
        self.n_connections = 0
        self._alive = threading.Event()
        self._alive.set()
        self._lock = threading.Lock()
        self._sockets = set()
        self._listener = None
        self.accept()

    # ---- what goes wrong

    def reset(self):
        with self._lock:
            for s in self._sockets:
                _reset(s)
            self._sockets.clear()

    def go_dead(self):
        self._alive.clear()

    def revive(self):
        """What was held back goes on, as after a cable was plugged in again."""
        self._alive.set()

    def refuse(self):
        listener, self._listener = self._listener, None
        listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        listener.close()
        self.reset()

    def accept(self):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((LOCALHOST, self.port))
        listener.listen(64)
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def well(self):
        """No fault; those who are connected stay."""
        self.latency_s, self.bytes_per_s, self.slice = 0.0, 0, 0
        self.revive()

    def close(self):
        if self._listener is not None:
            self.refuse()
        self.revive()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # ---- forwarding

    def _accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:  # it was closed
                return
            self.n_connections += 1
            threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client):
        self._alive.wait()
        try:
            server = socket.create_connection((LOCALHOST, self.target_port), timeout=10)
            server.settimeout(None)
        except OSError:
            _reset(client)
            return
        pair = (client, server)
        with self._lock:
            self._sockets.update(pair)
        for a, b in (pair, pair[::-1]):
            a.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._forward, args=(a, b), daemon=True).start()

    def _forward(self, source, target):
        try:
            while data := source.recv(65536):
                arrived = time.monotonic()
                size = self.slice or len(data)  # one for the whole piece: it may change meanwhile
                for at in range(0, len(data), size):
                    piece = data[at:at + size]
                    time.sleep(max(0.0, arrived + self.latency_s - time.monotonic()))
                    if self.bytes_per_s:
                        time.sleep(len(piece) / self.bytes_per_s)
                    self._alive.wait()
                    target.sendall(piece)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            _reset(target)
            _reset(source)
        finally:
            with self._lock:
                self._sockets.discard(source)


def _reset(s):
    """Disconnect (connect to AF_UNSPEC), which sends an RST and wakes who waits for data."""
    if s.fileno() >= 0:
        _libc.connect(s.fileno(), bytes(16), 16)
