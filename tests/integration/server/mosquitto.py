# SPDX-License-Identifier: MIT
"""mosquitto for tests."""
import os
import shutil
import socket
import subprocess

from .base import LOCALHOST, Server, Skip, accepts, certificates


class Mosquitto(Server):
    """settings: lines of mosquitto.conf, e.g. {"max_queued_messages": 0}; persistence: keep sessions
    and messages on disk; users: {"name": "password"}, nobody else may connect; tls: only with a
    certificate of folder/tls/ca.crt, uri is mqtts:// then."""

    name = "mosquitto"

    def __init__(self, persistence=False, users=None, tls=False, settings=None):
        self.persistence, self.users, self.tls = persistence, users, tls
        self.settings = settings or {}
        super().__init__()

    def prepare(self):
        self.program = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:" + os.environ["PATH"])
        if self.program is None:
            raise Skip("there is no mosquitto (Debian: mosquitto)")
        lines = [f"listener {self.port} {LOCALHOST}", "log_dest stderr", "log_type error",
                 "log_type warning", "log_type notice", "log_type information",
                 f"allow_anonymous {'false' if self.users else 'true'}"]
        if os.geteuid() == 0:
            lines.append("user root")  # else it changes to a user who may not write here
        if self.persistence:
            lines += ["persistence true", f"persistence_location {self.folder}/"]
        if self.users:
            passwords = os.path.join(self.folder, "passwords")
            with open(passwords, "w") as f:
                f.writelines(f"{user}:{password}\n" for user, password in self.users.items())
            os.chmod(passwords, 0o600)
            program = shutil.which("mosquitto_passwd", path="/usr/bin:" + os.environ["PATH"])
            subprocess.run([program, "-U", passwords], check=True)
            lines.append(f"password_file {passwords}")
        if self.tls:
            tls = os.path.join(self.folder, "tls")
            os.mkdir(tls)
            certificates(tls)
            lines += [f"cafile {tls}/ca.crt", f"certfile {tls}/server.crt", f"keyfile {tls}/server.key"]
        lines += [f"{name} {value}" for name, value in self.settings.items()]
        with open(os.path.join(self.folder, "mosquitto.conf"), "w") as f:
            f.write("\n".join(lines) + "\n")

    @property
    def uri(self):
        return f"{'mqtts' if self.tls else 'mqtt'}://{LOCALHOST}:{self.port}"

    def command(self):
        return [self.program, "-c", os.path.join(self.folder, "mosquitto.conf")]

    def answers(self):
        """A CONNECT of MQTT 3.1.1 is answered, by a refusal too."""
        if self.tls:
            return accepts(self.port)
        try:
            with socket.create_connection((LOCALHOST, self.port), timeout=1) as s:
                client = b"evtwin-ready"
                body = b"\x00\x04MQTT\x04\x02\x00\x0a" + len(client).to_bytes(2, "big") + client
                s.sendall(b"\x10" + bytes([len(body)]) + body)
                return s.recv(4)[:1] == b"\x20"
        except OSError:
            return False
