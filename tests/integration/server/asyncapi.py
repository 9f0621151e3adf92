# SPDX-License-Identifier: MIT
"""Messages against docs/asyncapi.yaml: each has to be one of those that its topic is described with."""
import json
import os
import re

FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), *[os.pardir] * 3, "docs", "asyncapi.yaml")


class Topics:
    """Raises ImportError where python3-yaml or python3-jsonschema is missing."""

    def __init__(self):
        import jsonschema
        import yaml
        with open(FILE) as f:
            self.root = yaml.safe_load(f)
        self.validator = lambda schema: jsonschema.Draft7Validator(
            {"components": self.root["components"], "allOf": [schema]}, format_checker=jsonschema.FormatChecker())
        self.judged = {}

    def channel(self, topic):
        for name, channel in self.root["channels"].items():
            form = re.sub(r"\\\{[a-z_]+\\\}", "[^/]+", re.escape(channel["address"]))
            if re.fullmatch(form, topic):
                return name, channel
        raise AssertionError(f"{topic} is no topic of docs/asyncapi.yaml")

    def check(self, topic, payload, like=None):
        """AssertionError unless the payload (bytes) is a message of that topic, or of the one that it is like."""
        name, channel = self.channel(like or topic)
        wrong = []
        for key in channel["messages"]:
            message = self.root["components"]["messages"][key]
            kind = message.get("contentType", self.root["defaultContentType"])
            value = json.loads(payload) if "json" in kind and payload else payload.decode()
            errors = [e.message for e in self.validator(message["payload"]).iter_errors(value)]
            if not errors:
                self.judged[name, key] = self.judged.get((name, key), 0) + 1
                return key
            wrong.append(f"not {key}: {errors[0][:200]}")
        raise AssertionError(f"{topic}: {payload[:300]}: {wrong}")
