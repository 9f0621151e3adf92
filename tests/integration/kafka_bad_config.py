#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""kafka_bad_config.py BIN: bad_config.py for Kafka."""
from bad_config import DENIED, SECRET, UNAVAILABLE, UNWRITABLE, WRONG, case, secret_file, servers, t


def properties(name, user, password):
    return secret_file(name, "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\n"
                       f"sasl.username={user}\nsasl.password={password}")


def main():
    settings = {"auto.create.topics.enable": "false"}
    with servers.Kafka(users={"car": SECRET}, settings=settings) as kafka:
        guarded = f"kafka://127.0.0.1:{kafka.sasl_port}/ev_battery_telemetry"
        right, wrong = properties("right", "car", SECRET), properties("wrong", "car", WRONG)
        case("a topic that does not exist", f"{kafka.uri}/absent", UNWRITABLE, "absent")
        case("right password", f"{guarded}?properties={right}", UNWRITABLE, "ev_battery_telemetry")
        case("wrong password", f"{guarded}?properties={wrong}", DENIED, str(kafka.sasl_port))
        case("encryption asked of a port without", f"{kafka.uri}/t?security.protocol=ssl", UNAVAILABLE,
             str(kafka.port))
        case("unknown parameter", f"{kafka.uri}/t?no.such.property=1", 2, "no.such.property")
    nobody = servers.free_port()
    case("nobody listens", f"kafka://127.0.0.1:{nobody}/t", UNAVAILABLE, str(nobody))
    case("unknown host", "kafka://no-such-host.invalid/t", UNAVAILABLE, "no-such-host.invalid")
    t.finish()


try:
    main()
except servers.Skip as e:
    t.skip(e)
