// SPDX-License-Identifier: MIT
// api/api.js: /openapi.json as a page to read.

import { by, element } from "../shared/dom.js";
import { mountShell } from "../shared/shell.js";

const METHODS = ["get", "post", "put", "delete"];
const shell = mountShell({ title: "API" });
let root = {};

// What "#/components/…" stands for; siblings of $ref go before what it points to.
function resolve(node) {
  if (!node || !node.$ref) return node || {};
  const { $ref, ...own } = node;
  const target = $ref.slice(2).split("/").reduce((at, key) => at?.[key.replace(/~1/g, "/").replace(/~0/g, "~")], root);
  return { ...resolve(target), ...own };
}

const nameOf = (ref) => ref.slice(ref.lastIndexOf("/") + 1);
const anchorOf = (text) => text.replace(/[^A-Za-z0-9]+/g, "-").replace(/^-|-$/g, "");

// Text with `code` in it.
function words(name, text, className = "") {
  const e = element(name, className);
  String(text).split("`").forEach((part, i) => e.append(i % 2 ? element("code", "", part) : part));
  return e;
}

// Paragraphs, and lists of lines that begin with "- ".
function prose(text) {
  const parts = [];
  for (const block of (text || "").trim().split(/\n\s*\n/)) {
    if (!block) continue;
    if (block.startsWith("- ")) {
      const list = element("ul");
      for (const item of block.slice(2).split(/\n- /)) list.append(words("li", item.replace(/\s+/g, " ")));
      parts.push(list);
    } else {
      parts.push(words("p", block.replace(/\s+/g, " ")));
    }
  }
  return parts;
}

// ---- schemas ----

// "number or null", "array of Row", with links to the schemas that have a name.
function typeParts(schema) {
  if (!schema || Object.keys(schema).length === 0) return ["anything"];
  if (schema.$ref) return [element("a", "", nameOf(schema.$ref), { href: `#schema-${nameOf(schema.$ref)}` })];
  if (schema.const !== undefined) return [element("code", "", JSON.stringify(schema.const))];
  if (schema.enum) return [schema.enum.map((v) => JSON.stringify(v)).join(", ")];
  for (const [key, joint] of [["oneOf", " or "], ["anyOf", " or "], ["allOf", " with "]]) {
    if (schema[key]) return schema[key].flatMap((one, i) => (i ? [joint, ...typeParts(one)] : typeParts(one)));
  }
  const types = [schema.type || "anything"].flat();
  const rest = [];
  if (schema.format) rest.push(` (${schema.format})`);
  if (schema.minimum !== undefined || schema.exclusiveMinimum !== undefined) rest.push(`, ${schema.minimum !== undefined ? `≥ ${schema.minimum}` : `> ${schema.exclusiveMinimum}`}`);
  if (schema.maximum !== undefined) rest.push(`, ≤ ${schema.maximum}`);
  if (types[0] === "array" && schema.items) return ["array of ", ...typeParts(schema.items), ...types.slice(1).map((t) => ` or ${t}`)];
  return [types.join(" or "), ...rest];
}

function memberLine(name, schema, isRequired) {
  const line = element("li");
  line.append(element("code", "", name), " ");
  const type = element("span", "type");
  type.append(...typeParts(schema), isRequired ? "" : ", may be absent");
  line.append(type);
  if (schema.description) line.append(" ", words("span", schema.description.replace(/\s+/g, " ")));
  const inner = members(schema.items && !schema.items.$ref ? schema.items : schema);
  if (inner && !schema.$ref) line.append(inner);
  return line;
}

// The members of an object, whichever way it is put together; null if it has none.
function members(schema) {
  if (!schema || schema.$ref) return null;
  const list = element("ul", "members");
  for (const part of [schema, ...(schema.allOf || []), ...(schema.oneOf || []), ...(schema.anyOf || [])]) {
    for (const [name, member] of Object.entries(part.properties || {})) {
      list.append(memberLine(name, member, (part.required || []).includes(name)));
    }
    if (part.additionalProperties && typeof part.additionalProperties === "object") list.append(memberLine("…", part.additionalProperties, false));
  }
  return list.children.length ? list : null;
}

// ---- endpoints ----

function parameterTable(parameters) {
  const table = element("table");
  const head = element("tr");
  for (const title of ["Parameter", "Value", "Meaning"]) head.append(element("th", "", title, { scope: "col" }));
  table.append(element("thead"), element("tbody"));
  table.tHead.append(head);
  for (const one of parameters.map(resolve)) {
    const row = element("tr");
    const name = element("td");
    name.append(element("code", "", one.name), one.required ? " (required)" : "");
    const type = element("td", "type");
    type.append(...typeParts(one.schema), one.schema?.default !== undefined ? `, by default ${one.schema.default}` : "");
    row.append(name, type, words("td", (one.description || "").replace(/\s+/g, " ")));
    table.tBodies[0].append(row);
  }
  return table;
}

function responseBlock(code, response) {
  const block = element("details");
  const title = element("summary");
  title.append(element("code", "", code), " ", words("span", (response.description || "").replace(/\s+/g, " ").trim()));
  block.append(title);
  block.open = code.startsWith("2");
  for (const [type, { schema }] of Object.entries(response.content || {})) {
    const line = element("p", "type");
    line.append(`${type}: `, ...typeParts(schema));
    block.append(line);
    const list = members(schema);
    if (list) block.append(list);
  }
  return block;
}

function endpoint(path, method, operation) {
  const article = element("article", "", "", { id: operation.operationId || anchorOf(`${method} ${path}`) });
  const title = element("h3");
  const canBeOpened = method === "get" && !path.includes("{") && !(operation.parameters || []).some((p) => resolve(p).required);
  title.append(element("span", `method ${method}`, method.toUpperCase()), canBeOpened ? element("a", "path", path, { href: path }) : element("span", "path", path));
  article.append(title, words("p", operation.summary || ""), ...prose(operation.description));
  if (operation.parameters?.length) article.append(parameterTable(operation.parameters));
  for (const [type, { schema }] of Object.entries(resolve(operation.requestBody).content || {})) {
    article.append(element("h4", "", `Body, ${type}`), members(resolve(schema)) || element("p", "", "any"));
  }
  article.append(element("h4", "", "Answers"));
  for (const [code, response] of Object.entries(operation.responses || {})) article.append(responseBlock(code, resolve(response)));
  return article;
}

function operations() {
  return Object.entries(root.paths).flatMap(([path, item]) =>
    METHODS.filter((m) => item[m]).map((method) => ({ path, method, operation: item[method], tag: item[method].tags?.[0] || "" })));
}

function show() {
  by("about").replaceChildren(element("p", "muted", `${root.info.title} ${root.info.version}`), ...prose(root.info.description));
  const all = operations();
  const contents = element("ul");
  const tags = [...new Set([...(root.tags || []).map((t) => t.name), ...all.map((o) => o.tag)])];
  by("endpoints").replaceChildren();
  for (const tag of tags) {
    const mine = all.filter((o) => o.tag === tag);
    if (mine.length === 0) continue;
    by("endpoints").append(element("h2", "", root.tags?.find((t) => t.name === tag)?.description || tag));
    for (const { path, method, operation } of mine) {
      const article = endpoint(path, method, operation);
      by("endpoints").append(article);
      const item = element("li");
      item.append(element("a", "", method === "get" ? path : `${method.toUpperCase()} ${path}`, { href: `#${article.id}` }));
      contents.append(item);
    }
  }
  by("contents").replaceChildren(element("h2", "", "Endpoints"), contents);
  for (const [name, schema] of Object.entries(root.components?.schemas || {})) {
    const article = element("article", "", "", { id: `schema-${name}` });
    const type = element("p", "type");
    type.append(...typeParts(schema));
    article.append(element("h3", "", name), ...prose(schema.description), type);
    const list = members(schema);
    if (list) article.append(list);
    by("schemas").append(article);
  }
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

try {
  const response = await fetch("/openapi.json");
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  root = await response.json();
  show();
} catch (error) {
  shell.banner(`The description could not be loaded: ${error.message}`);
}
