-- SPDX-License-Identifier: MIT
-- Alerts by their times, and those that somebody still waits for, without a look at all of them.

CREATE INDEX ev_alert_raised ON ev_alert (raised_at);
CREATE INDEX ev_alert_cleared ON ev_alert (cleared_at, raised_at) WHERE cleared_at IS NOT NULL;
CREATE INDEX ev_alert_due ON ev_alert (id) WHERE cleared_at IS NULL OR webhook < 2 OR mail < 2;
