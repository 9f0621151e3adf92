# SPDX-License-Identifier: MIT
"""MLflow and an S3 for tests."""
import os
import subprocess
import time
import urllib.error
import urllib.request

from .base import LOCALHOST, Server, accepts
from .environment import MLFLOW, minio, mlflow_python, versitygw

AUTHENTICATION = """\
[mlflow]
default_permission = READ
database_uri = sqlite:///{folder}/users.db
admin_username = {user}
admin_password = {password}
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
"""


class MLflow(Server):
    """version: one of MLFLOW. user: (name, password) of the administrator, nobody else may in
    (--app-name basic-auth; a hash for each request makes it slow). later: it may still be starting, until
    ready() has been called, so that several start side by side. uri is for --mlflow, python has the client of this version (and XGBoost),
    python_env is what it needs to know of the server."""

    name = "mlflow"
    ready_s = 300

    def __init__(self, version=max(MLFLOW), user=None, settings=None, later=False):
        self.version, self.admin, self.settings, self.later = version, user, settings or {}, later
        super().__init__()

    def ready(self):
        end = time.monotonic() + self.ready_s
        while not self.answers():
            if self.child.poll() is not None or time.monotonic() > end:
                with open(self.log, errors="replace") as log:
                    raise RuntimeError(f"MLflow did not start:\n{log.read()[-2000:]}")
            time.sleep(0.1)

    def prepare(self):
        self.python = mlflow_python(self.version)
        # no children that stay behind; nobody is told
        env = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
               "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", **self.settings}
        if self.admin:
            user, password = self.admin
            config = os.path.join(self.folder, "users.ini")
            with open(config, "w") as f:
                f.write(AUTHENTICATION.format(folder=self.folder, user=user, password=password))
            env.update(MLFLOW_AUTH_CONFIG_PATH=config, MLFLOW_AUTH_ADMIN_PASSWORD=password,
                       MLFLOW_FLASK_SERVER_SECRET_KEY="of a test")
        self.user = {"env": env}

    @property
    def uri(self):
        return f"http://{LOCALHOST}:{self.port}"

    @property
    def python_env(self):
        env = {**os.environ, "MLFLOW_TRACKING_URI": self.uri, "MLFLOW_DISABLE_TELEMETRY": "true",
               "DO_NOT_TRACK": "true"}
        if self.admin:
            env.update(MLFLOW_TRACKING_USERNAME=self.admin[0], MLFLOW_TRACKING_PASSWORD=self.admin[1])
        return env

    def run_python(self, code, *args):
        """Run code with the client of this version; what it prints."""
        done = subprocess.run([self.python, "-c", code, *args], env=self.python_env, cwd=self.folder,
                              capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            raise RuntimeError(f"MLflow {self.version}'s client: {done.stderr[-3000:]}")
        return done.stdout

    def command(self):
        return [self.python, "-m", "mlflow", "server", "--host", LOCALHOST, "--port", str(self.port),
                "--workers", "1", "--backend-store-uri", f"sqlite:///{self.folder}/mlflow.db",
                "--serve-artifacts", "--artifacts-destination", f"{self.folder}/artifacts",
                *(["--app-name", "basic-auth"] if self.admin else [])]

    def answers(self):
        if self.later:
            self.later = False
            return True
        try:
            with urllib.request.urlopen(self.uri + "/health", timeout=5) as answer:
                return answer.read() == b"OK"
        except urllib.error.HTTPError:
            return self.admin is not None  # it asks who we are
        except OSError:
            return False


class Versitygw(Server):
    """An S3 that checks signatures; its buckets are the folders of buckets. endpoint is for
    MLFLOW_S3_ENDPOINT_URL, access_key and secret_key are the keys that it takes."""

    name = "versitygw"

    def prepare(self):
        self.program = versitygw()
        self.buckets = os.path.join(self.folder, "buckets")
        os.mkdir(self.buckets)
        self.access_key, self.secret_key = "EVTWINKEY", "evtwin/secret+of=a test"
        self.user = {"env": {**os.environ, "ROOT_ACCESS_KEY": self.access_key,
                             "ROOT_SECRET_KEY": self.secret_key}}

    def make_bucket(self, name):
        os.mkdir(os.path.join(self.buckets, name))

    @property
    def endpoint(self):
        return f"http://{LOCALHOST}:{self.port}"

    uri = endpoint

    def command(self):
        return [self.program, "--port", f"{LOCALHOST}:{self.port}", "posix", self.buckets]

    def answers(self):
        return accepts(self.port)


class Minio(Versitygw):
    """MinIO: what it stores is its own matter. Buckets are made before it starts."""

    name = "minio"
    ready_s = 120

    def __init__(self, *buckets):
        self.first_buckets = buckets
        super().__init__()

    def prepare(self):
        self.program = minio()
        self.buckets = os.path.join(self.folder, "buckets")
        os.mkdir(self.buckets)
        for bucket in self.first_buckets:
            self.make_bucket(bucket)
        self.access_key, self.secret_key = "EVTWINKEY", "evtwin/secret+of=a test"
        self.user = {"env": {**os.environ, "MINIO_ROOT_USER": self.access_key, "MINIO_UPDATE": "off",
                             "MINIO_ROOT_PASSWORD": self.secret_key, "MINIO_BROWSER": "off"}}

    def command(self):
        return [self.program, "server", "--quiet", "--address", f"{LOCALHOST}:{self.port}", self.buckets]

    def answers(self):
        try:
            with urllib.request.urlopen(self.endpoint + "/minio/health/ready", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False
