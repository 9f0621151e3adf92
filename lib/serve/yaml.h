/* SPDX-License-Identifier: MIT */
/* serve/yaml.h: the part of YAML that docs/openapi.yaml is written in, as JSON. */
#ifndef EVTWIN_SERVE_YAML_H
#define EVTWIN_SERVE_YAML_H

#include "evtwin/base.h"

#include "core/text.h"

/* Append the document as JSON to out. Block and flow mappings and sequences, quoted
 * scalars on one line, plain ones on one or several, literal blocks (|), comments on lines of their
 * own; plain scalars are null, true, false, numbers and strings as in YAML 1.2. EVTWIN_E_PARSE with
 * the line for anything else.
 */
evtwin_status evtwin__yaml_to_json(const char *yaml, size_t size, evtwin__text *out);

#endif
