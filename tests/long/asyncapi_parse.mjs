// SPDX-License-Identifier: MIT
// asyncapi_parse.mjs FILE: what the parser of AsyncAPI says of a document, run where it is installed. Errors and
// warnings end it with 1.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { Parser } = createRequire(`${process.cwd()}/`)("@asyncapi/parser");
const { document, diagnostics } = await new Parser().parse(readFileSync(process.argv[2], "utf8"));
const found = diagnostics.filter((d) => d.severity <= 1);
for (const d of found) {
  console.log(`${d.severity === 0 ? "error" : "warning"} ${d.code} at ${d.path.join("/")}: ${d.message}`);
}
if (document === undefined || found.length > 0) {
  process.exit(1);
}
console.log(`${document.version()}: ${document.channels().all().length} channels, ${document.operations().all().length} operations`);
