// SPDX-License-Identifier: MIT
// pack.js: one battery in 3D.

import { by, element, setText } from "../shared/dom.js";
import { connect } from "../shared/live.js";
import { flowOfBattery, mountShell } from "../shared/shell.js";
import { valueText } from "../shared/values.js";

const batteryId = decodeURIComponent(location.pathname.split("/")[2]);
const shell = mountShell({ title: batteryId, batteryId });
const charge = element("p");
by("main").append(charge);

connect({
  batteryId,
  onRow(b) {
    shell.setFlow(flowOfBattery(b));
    setText(charge, `Charge ${valueText("soc", b.soc)}`);
  },
  onState: shell.setState,
});
