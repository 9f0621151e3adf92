# SPDX-License-Identifier: MIT
"""cloudevents_sdk.py MODE: Kafka messages as JSON on standard input, as events of the CloudEvents SDK (whose Python runs
this: environment.py) on standard output. A message that is not an event ends it with an error.
"""
import json
import sys

from cloudevents.kafka import KafkaMessage, from_binary, from_structured

read = {"binary": from_binary, "structured": from_structured}[sys.argv[1]]
events = []
for m in json.load(sys.stdin):
    event = read(KafkaMessage(headers={k: v.encode() for k, v in m["headers"].items()}, key=None, value=m["value"].encode()))
    data = event.data
    events.append({"attributes": dict(event.get_attributes()),
                   "data": json.loads(data) if isinstance(data, (str, bytes)) else data})
json.dump(events, sys.stdout)
