#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""postgres_standby.py BIN: a store that is only read works on a hot standby; it cannot be written there;
a server that is restarted or stands still costs a call at most, and never more than its time."""
import ctypes
import os
import shutil
import subprocess
import sys
import time

import servers

AGAIN = -15
RESTART_S, STILL_S = 30, 20  # hard limits, far above what is needed


def check(what, holds):
    if not holds:
        sys.exit("FAILED: " + what)


class Options(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("read_only", ctypes.c_int),
                ("retention_days", ctypes.c_double), ("busy_timeout_ms", ctypes.c_int)]


class Store:
    """A handle of the library."""

    lib = None

    def __init__(self, uri, read_only):
        self.handle = ctypes.c_void_p()
        options = Options()
        self.lib.evtwin_store_options_init(ctypes.byref(options), ctypes.c_size_t(ctypes.sizeof(options)))
        options.read_only = read_only
        self.status = self.lib.evtwin_store_open(uri.encode(), ctypes.byref(options),
                                                 ctypes.byref(self.handle))
        self.why = self.lib.evtwin_last_error().decode() if self.status < 0 else ""

    def count(self):
        """Rows, or the negative status of the failure."""
        rows = ctypes.c_int64()
        status = self.lib.evtwin_store_count(self.handle, ctypes.byref(rows))
        return status if status < 0 else rows.value


def standby_of(pg):
    """A server on a copy of the data, which was shut down cleanly: in recovery for ever."""
    copy = servers.Postgres()
    pg.shut_down()
    copy.shut_down()
    shutil.rmtree(copy.data)
    subprocess.run(["cp", "-a", pg.data, copy.data], check=True)
    with open(os.path.join(copy.data, "postgresql.auto.conf"), "a") as f:
        f.write(f"port = '{copy.port}'\nunix_socket_directories = '{copy.folder}'\n")
    signal_file = os.path.join(copy.data, "standby.signal")
    with open(signal_file, "w"):
        pass
    shutil.copystat(os.path.join(copy.data, "postgresql.auto.conf"), signal_file)
    copy.start()
    return copy


def main(folder):
    Store.lib = ctypes.CDLL(os.path.join(folder, "..", "libevtwin.so"))
    Store.lib.evtwin_last_error.restype = ctypes.c_char_p
    with servers.Postgres() as pg:
        writer = Store(pg.uri, 0)
        check("the store is made: " + writer.why, writer.status == 0)
        pg.sql("INSERT INTO ev_telemetry (time, battery_id, soc) VALUES (now(), 'A', 50)")
        check("it has a row", writer.count() == 1)

        # a restart between two calls is not seen; one that lasts is no hang
        pg.kill()
        check("a server that is gone is told", writer.count() == AGAIN)
        pg.restart()
        began = time.monotonic()
        while writer.count() != 1:
            check("it is found again", time.monotonic() - began < RESTART_S)
            time.sleep(0.1)

        # a server that stands still: the deadline counts
        pg.pause()
        began = time.monotonic()
        Store.lib.evtwin_store_deadline(writer.handle, ctypes.c_double(0.5))
        check("a call ends at its deadline", writer.count() < 0)
        check("in time", time.monotonic() - began < STILL_S)
        pg.resume()

        with standby_of(pg) as standby:
            reader = Store(standby.uri, 1)
            check("a reader on a standby: " + reader.why, reader.status == 0)
            check("sees its rows", reader.count() == 1)
            other = Store(standby.uri, 0)
            check("opening for writing writes nothing where nothing is to be made: " + other.why,
                  other.status == 0)
            check("it is in recovery", standby.sql("SELECT pg_is_in_recovery()") == "t")


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except servers.Skip as reason:
        print("skipped:", reason)
        sys.exit(77)
