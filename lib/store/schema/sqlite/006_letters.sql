-- SPDX-License-Identifier: MIT
-- Records that a source refused, with the reason and as they came.

CREATE TABLE ev_dead_letter (
    id INTEGER PRIMARY KEY, -- in the order they were put
    received_at TEXT NOT NULL,
    source TEXT NOT NULL,
    place TEXT NOT NULL, -- in the source
    status TEXT NOT NULL,
    reason TEXT NOT NULL,
    raw BLOB NOT NULL
) STRICT;
