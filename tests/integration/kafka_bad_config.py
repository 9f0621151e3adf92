#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""kafka_bad_config.py BIN: bad_config.py for Kafka."""
import os
import socket
import ssl
import subprocess
import threading

from kafka.admin import (ACL, ACLOperation, ACLPermissionType, KafkaAdminClient, NewTopic,
                         ResourcePattern, ResourceType)

from bad_config import DENIED, SECRET, UNAVAILABLE, UNWRITABLE, WRONG, case, secret_file, servers, t


def properties(name, user, password):
    return secret_file(name, "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\n"
                       f"sasl.username={user}\nsasl.password={password}")


def shake_hands(listener, context):
    """What a broker does first, for each that comes."""
    while True:
        try:
            with context.wrap_socket(listener.accept()[0], server_side=True) as connection:
                connection.recv(1)
        except OSError:
            pass


def certificate_cases():
    """Certificates that a broker must not have: nothing behind the handshake is needed."""
    made = {}
    for name, host in (("right", "127.0.0.1"), ("elsewhere", "192.0.2.1")):
        made[name] = os.path.abspath(name + ".tls")
        os.mkdir(made[name])
        servers.certificates(made[name], host)
    subprocess.run(["openssl", "x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key",
                    "-days", "-1", "-extfile", "server.ext", "-out", "expired.crt"],
                   cwd=made["right"], check=True, capture_output=True)
    for what, folder, certificate, ca, says in (
            ("for another host", "elsewhere", "server.crt", "ca.crt", "for another host name"),
            ("that has expired", "right", "expired.crt", "ca.crt", "has expired"),
            ("of an unknown authority", "right", "server.crt", "other.crt", "unknown authority")):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(os.path.join(made[folder], certificate),
                                os.path.join(made[folder], "server.key"))
        listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=shake_hands, args=(listener, context), daemon=True).start()
        port = listener.getsockname()[1]
        case(f"a certificate {what}", f"kafka://127.0.0.1:{port}/t?security.protocol=ssl"
             f"&ssl.ca.location={made[folder]}/{ca}", DENIED, f":{port}", says)


def no_right_to_read_the_progress(kafka):
    """Who may not read it cannot know what was written before."""
    admin = KafkaAdminClient(bootstrap_servers=kafka.uri[len("kafka://"):])
    admin.create_topics([NewTopic("ev_battery_progress", 1, 1), NewTopic("ev_battery_telemetry", 1, 1)])
    admin.create_acls([ACL("User:ANONYMOUS", "*", ACLOperation.READ, ACLPermissionType.DENY,
                           ResourcePattern(ResourceType.TOPIC, "ev_battery_progress"))])
    admin.close()
    done = subprocess.run([t.tool("sim"), "--duration", "30", "--sink",
                           f"{kafka.uri}/ev_battery_telemetry?transactional_id=car"],
                          capture_output=True, text=True, timeout=300)
    t.check("no right to read the progress: exit code", done.returncode == DENIED, done.stderr)
    t.check("it is named", "ev_battery_progress" in done.stderr, done.stderr)


def main():
    settings = {"auto.create.topics.enable": "false", "allow.everyone.if.no.acl.found": "true",
                "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer"}
    with servers.Kafka(users={"car": SECRET}, settings=settings, tls=True) as kafka:
        guarded = f"kafka://127.0.0.1:{kafka.sasl_port}/ev_battery_telemetry"
        right, wrong = properties("right", "car", SECRET), properties("wrong", "car", WRONG)
        case("a topic that does not exist", f"{kafka.uri}/absent", UNWRITABLE, "absent")
        case("right password", f"{guarded}?properties={right}", UNWRITABLE, "ev_battery_telemetry")
        case("wrong password", f"{guarded}?properties={wrong}", DENIED, str(kafka.sasl_port))
        case("encryption asked of a port without", f"{kafka.uri}/t?security.protocol=ssl", UNAVAILABLE,
             str(kafka.port))
        case("unknown parameter", f"{kafka.uri}/t?no.such.property=1", 2, "no.such.property")
        tls = f"kafka://127.0.0.1:{kafka.tls_port}/absent?security.protocol=ssl&ssl.ca.location="
        folder = os.path.join(kafka.folder, "tls")
        case("TLS, our authority", f"{tls}{folder}/ca.crt", UNWRITABLE, "absent", "kafka-topics")
        case("TLS, another authority", f"{tls}{folder}/other.crt", DENIED, str(kafka.tls_port),
             "unknown authority")
        case("TLS, no such file", f"{tls}/no/such/file", UNWRITABLE, "ssl.ca.location", "/no/such/file")
        case("no TLS to a port with", f"kafka://127.0.0.1:{kafka.tls_port}/t", UNAVAILABLE,
             str(kafka.tls_port))
        no_right_to_read_the_progress(kafka)
    certificate_cases()
    nobody = servers.free_port()
    case("nobody listens", f"kafka://127.0.0.1:{nobody}/t", UNAVAILABLE, str(nobody))
    case("unknown host", "kafka://no-such-host.invalid/t", UNAVAILABLE, "no-such-host.invalid")
    t.finish()


try:
    main()
except servers.Skip as e:
    t.skip(e)
