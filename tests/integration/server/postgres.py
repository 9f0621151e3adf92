# SPDX-License-Identifier: MIT
"""PostgreSQL for tests."""
import fcntl
import glob
import os
import pwd
import shutil
import signal
import subprocess
import tempfile

from .base import LOCALHOST, Server, Skip, cache_folder, certificates


class Postgres(Server):
    """uri: user `evtwin`, a superuser without a password, database `evtwin`. User `guarded` needs the
    password `open sesame`. settings: lines for postgresql.conf, e.g. {"fsync": "on"}; tls: with a
    certificate of folder/tls/ca.crt."""

    name = "postgres"

    def __init__(self, settings=None, tls=False):
        self.settings = {"fsync": "off", "max_wal_size": "256MB", **(settings or {})}
        self.tls = tls
        self.n_databases = 0
        super().__init__()

    def prepare(self):
        self.bin = postgres_programs()
        if os.geteuid() == 0:
            self.user = other_user()
            os.chown(self.folder, self.user["user"], self.user["group"])
        self.data = os.path.join(self.folder, "data")
        subprocess.run(["cp", "-a", "--reflink=auto", postgres_template(self.bin), self.data],
                       check=True)
        if self.tls:
            certificates_for_postgres(self)
        settings = {
            "listen_addresses": LOCALHOST, "port": self.port,
            "unix_socket_directories": self.folder, "shared_buffers": "32MB",
            "max_connections": "60", "lc_messages": "C", "timezone": "UTC",
            "autovacuum_naptime": "10s", **self.settings}
        with open(os.path.join(self.data, "postgresql.auto.conf"), "a") as f:
            f.writelines(f"{name} = '{value}'\n" for name, value in settings.items())

    @property
    def uri(self):
        return self.uri_of("evtwin")

    def uri_of(self, database, user="evtwin"):
        return f"postgresql://{user}@{LOCALHOST}:{self.port}/{database}"

    def command(self):
        return [os.path.join(self.bin, "postgres"), "-D", self.data]

    def start(self):
        # of a server that was killed: all its processes are gone, its number may be another's now
        try:
            os.remove(os.path.join(self.data, "postmaster.pid"))
        except FileNotFoundError:
            pass
        super().start()

    def answers(self):
        return subprocess.run([os.path.join(self.bin, "pg_isready"), "-q", "-h", LOCALHOST, "-p",
                               str(self.port), "-U", "evtwin", "-d", "evtwin"]).returncode == 0

    def shut_down(self):
        self.child.send_signal(signal.SIGINT)  # a fast one: it does not wait for clients
        self.child.wait(60)

    def sql(self, text, database="evtwin"):
        """Run SQL with psql; the rows as text, one a line, columns separated by |."""
        done = subprocess.run([os.path.join(self.bin, "psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-d",
                               self.uri_of(database), "-c", text], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return done.stdout.rstrip("\n")

    def database(self):
        """The URI of a new, empty database."""
        self.n_databases += 1
        name = f"test_{self.n_databases}"
        self.sql(f"CREATE DATABASE {name}")
        return self.uri_of(name)


def postgres_programs():
    candidates = sorted(glob.glob("/usr/lib/postgresql/*/bin"),
                        key=lambda p: float(p.split("/")[4]), reverse=True)
    on_path = shutil.which("postgres")
    for folder in candidates + ([os.path.dirname(on_path)] if on_path else []):
        if all(os.path.exists(os.path.join(folder, p)) for p in ("postgres", "initdb", "psql")):
            return folder
    raise Skip("there is no PostgreSQL server (Debian: postgresql)")


def other_user():
    """Whom PostgreSQL runs as when we are root."""
    for name in ("postgres", "nobody"):
        try:
            found = pwd.getpwnam(name)
            return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}
        except KeyError:
            continue
    raise Skip("PostgreSQL does not run as root, and there is no user postgres or nobody")


POSTGRES_ACCESS = f"""\
host all guarded {LOCALHOST}/32 scram-sha-256
local all guarded scram-sha-256
host all all {LOCALHOST}/32 trust
local all all trust
"""


def postgres_template(programs):
    """A data folder that was initialized once (it takes a second or two), to be copied."""
    version = programs.split("/")[4] if programs.startswith("/usr/lib/postgresql/") else "any"
    user = other_user() if os.geteuid() == 0 else {}
    name = f"postgres-{version}-{user.get('user', os.geteuid())}-1"
    template = os.path.join(cache_folder(), name)
    with open(template + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.isdir(template):
            return template
        with tempfile.TemporaryDirectory(prefix="evtwin-initdb.") as folder:
            if user:
                os.chown(folder, user["user"], user["group"])
            data = os.path.join(folder, "data")
            env = {**os.environ, "LC_ALL": "C"}
            done = subprocess.run(
                [os.path.join(programs, "initdb"), "-D", data, "-U", "evtwin", "-A", "trust", "-E",
                 "UTF8", "--no-sync", "--no-instructions", "--wal-segsize=4"],
                cwd=folder, env=env, capture_output=True, text=True, **user)
            if done.returncode != 0:
                raise RuntimeError("initdb: " + done.stderr)
            with open(os.path.join(data, "pg_hba.conf"), "w") as f:
                f.write(POSTGRES_ACCESS)
            # what every test server has: done in single-user mode, one statement a line
            for database, sql in (("postgres", "CREATE DATABASE evtwin\n"
                                   "CREATE ROLE guarded LOGIN PASSWORD 'open sesame'\n"),
                                  ("evtwin", "GRANT ALL ON SCHEMA public TO guarded\n")):
                subprocess.run([os.path.join(programs, "postgres"), "--single", "-F", "-D", data,
                                database], input=sql, text=True, check=True, capture_output=True,
                               cwd=folder, env=env, **user)
            shutil.rmtree(template + ".new", ignore_errors=True)  # of one that was killed in the middle
            subprocess.run(["cp", "-a", data, template + ".new"], check=True)
        os.rename(template + ".new", template)
    return template


def certificates_for_postgres(server):
    tls = os.path.join(server.folder, "tls")
    os.mkdir(tls)
    certificates(tls, names=server.names)
    if server.user:
        for path in [tls, *glob.glob(tls + "/*")]:
            os.chown(path, server.user["user"], server.user["group"])
    os.chmod(os.path.join(tls, "server.key"), 0o600)
    server.settings.update(ssl="on", ssl_cert_file=os.path.join(tls, "server.crt"),
                           ssl_key_file=os.path.join(tls, "server.key"))
