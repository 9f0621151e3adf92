#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""original_user.py with Kafka, which takes longer."""
import original_user

original_user.main(with_kafka=True)
