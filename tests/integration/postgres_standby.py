#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""postgres_standby.py BIN: a store that is only read works on a hot standby; it cannot be written there;
a server that is restarted or stands still costs a call at most, and never more than its time; a reader of
changes goes on at its place, but not in another history of the database."""
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


class Feed:
    """A store as a source of changes, read from a position on."""

    def __init__(self, uri, position=None):
        self.source = ctypes.c_void_p()
        check("a source opens", Store.lib.evtwin_source_open(uri.encode(), ctypes.byref(self.source)) == 0)
        if position is not None:
            check("it goes to a position", Store.lib.evtwin_source_seek(self.source, position) == 0)

    def read(self):
        """How many rows there are to read now; the position behind them."""
        table = ctypes.c_void_p()
        Store.lib.evtwin_telemetry_table_create(ctypes.byref(table))
        began = time.monotonic()
        while (status := Store.lib.evtwin_source_read(self.source, ctypes.c_size_t(1000), 0, table)) == AGAIN:
            check("it is read at last: " + Store.lib.evtwin_last_error().decode(),
                  time.monotonic() - began < RESTART_S)
            time.sleep(0.1)
        check("it can be read: " + Store.lib.evtwin_last_error().decode(), status == 0)
        rows = Store.lib.evtwin_table_rows(table)
        Store.lib.evtwin_table_free(table)
        return rows, Store.lib.evtwin_source_position(self.source)


def insert(pg, n, database="evtwin"):
    """n rows, each in a transaction of its own."""
    for _ in range(n):
        pg.sql("INSERT INTO ev_telemetry (time, battery_id, soc) VALUES (clock_timestamp(), 'F', 50)", database)


def another_history(pg):
    """A copy of the data takes over, which never saw the newest transactions; their numbers come again."""
    feed = Feed(pg.uri)
    before, _ = feed.read()
    pg.shut_down()
    copy = pg.data + ".copy"
    subprocess.run(["cp", "-a", pg.data, copy], check=True)
    pg.start()
    insert(pg, 3)
    rows, place = feed.read()
    check("those that will be lost are read", rows == 3)
    pg.shut_down()
    shutil.rmtree(pg.data)
    os.rename(copy, pg.data)
    make_standby(pg.data)
    pg.start()
    pg.sql("SELECT pg_promote()")
    insert(pg, 5)
    rows, _ = feed.read()
    check("who reads on is given all of the new history", rows == before + 5)
    rows, _ = Feed(pg.uri, place).read()
    check("so is who comes back with its position", rows == before + 5)


def restored_dump(pg):
    """Other tables with the same revisions: what is read from them begins at the beginning."""
    rows, place = Feed(pg.uri).read()
    insert(pg, 1)
    check("in its own database a position goes on", Feed(pg.uri, place).read()[0] == 1)
    check("so does one of an earlier version", Feed(pg.uri, place.split(b"@")[0]).read()[0] == 1)
    copy = pg.database()
    subprocess.run(f"'{pg.bin}/pg_dump' '{pg.uri}' | '{pg.bin}/psql' -Xq -v ON_ERROR_STOP=1 '{copy}'", shell=True,
                   check=True, stdout=subprocess.DEVNULL)
    check("in a restored copy it does not", Feed(copy, place).read()[0] == rows + 1)


def make_standby(data):
    signal_file = os.path.join(data, "standby.signal")
    with open(signal_file, "w"):
        pass
    shutil.copystat(os.path.join(data, "postgresql.auto.conf"), signal_file)


def standby_of(pg):
    """A server on a copy of the data, which was shut down cleanly: in recovery for ever."""
    copy = servers.Postgres()
    pg.shut_down()
    copy.shut_down()
    shutil.rmtree(copy.data)
    subprocess.run(["cp", "-a", pg.data, copy.data], check=True)
    with open(os.path.join(copy.data, "postgresql.auto.conf"), "a") as f:
        f.write(f"port = '{copy.port}'\nunix_socket_directories = '{copy.folder}'\n")
    make_standby(copy.data)
    copy.start()
    return copy


def main(folder):
    Store.lib = ctypes.CDLL(os.path.join(folder, "..", "libevtwin.so"))
    for text in ("evtwin_last_error", "evtwin_source_position"):
        getattr(Store.lib, text).restype = ctypes.c_char_p
    Store.lib.evtwin_table_rows.restype = ctypes.c_size_t
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
        pg.start()
        restored_dump(pg)
        another_history(pg)


if __name__ == "__main__":
    servers.run_test(lambda: main(sys.argv[1]))
