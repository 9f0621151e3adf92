// SPDX-License-Identifier: MIT
// png.mjs: a screenshot with a palette of 256 colours: a third of its size.

import assert from "node:assert/strict";
import { deflateSync, inflateSync } from "node:zlib";

const SIGNATURE = Buffer.from("\x89PNG\r\n\x1a\n", "latin1");
const N_COLOURS = 256;
const BITS = 6; // of each channel that tell colours apart
const CRC = Int32Array.from({ length: 256 }, (_, n) => [...Array(8)].reduce((c) => (c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1), n));

const crc32 = (data) => ~data.reduce((c, byte) => CRC[(c ^ byte) & 0xff] ^ (c >>> 8), -1) >>> 0;

function* chunksOf(png) {
  for (let at = SIGNATURE.length; at < png.length;) {
    const size = png.readUInt32BE(at);
    yield [png.toString("latin1", at + 4, at + 8), png.subarray(at + 8, at + 8 + size)];
    at += size + 12;
  }
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const size = Buffer.alloc(4);
  const sum = Buffer.alloc(4);
  size.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([size, body, sum]);
}

function paeth(a, b, c) {
  const [pa, pb, pc] = [Math.abs(b - c), Math.abs(a - c), Math.abs(a + b - 2 * c)];
  return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
}

// Of an opaque picture: {width, height, rgb: three bytes a pixel, from the top}.
function decode(png) {
  const chunks = [...chunksOf(png)];
  const head = chunks[0][1];
  const [width, height] = [head.readUInt32BE(0), head.readUInt32BE(4)];
  const n = { 2: 3, 6: 4 }[head[9]];
  assert.ok(n && head[8] === 8 && head[12] === 0, "8 bits a channel, not interlaced");
  const data = inflateSync(Buffer.concat(chunks.filter(([type]) => type === "IDAT").map(([, part]) => part)));
  const rgb = Buffer.alloc(3 * width * height);
  let above = Buffer.alloc(n * width);
  for (let y = 0; y < height; y++) {
    const at = y * (n * width + 1);
    const filter = data[at];
    const line = data.subarray(at + 1, at + 1 + n * width);
    for (let i = 0; i < line.length; i++) {
      const a = i < n ? 0 : line[i - n];
      const c = i < n ? 0 : above[i - n];
      line[i] += [0, a, above[i], (a + above[i]) >> 1, paeth(a, above[i], c)][filter];
    }
    for (let x = 0; x < width; x++) line.copy(rgb, 3 * (y * width + x), n * x, n * x + 3);
    above = line;
  }
  return { width, height, rgb };
}

// Median cut: the colours of the picture in boxes, of which the one with most pixels times width is halved. [palette, index of each key]
function paletteOf(keys) {
  const counts = new Map();
  for (const key of keys) counts.set(key, (counts.get(key) || 0) + 1);
  const channel = (key, i) => (key >> (BITS * i)) & ((1 << BITS) - 1);
  const box = (colours) => {
    const widths = [0, 1, 2].map((i) => colours.reduce((most, k) => Math.max(most, channel(k, i)), 0) - colours.reduce((least, k) => Math.min(least, channel(k, i)), 1 << BITS));
    const width = Math.max(...widths);
    const n = colours.reduce((sum, k) => sum + counts.get(k), 0);
    return { colours, n, along: widths.indexOf(width), weight: width * width * Math.sqrt(n) };
  };
  const boxes = [box([...counts.keys()])];
  while (boxes.length < N_COLOURS) {
    boxes.sort((x, y) => y.weight - x.weight);
    const { colours, n, along, weight } = boxes[0];
    if (weight === 0) break;
    colours.sort((x, y) => channel(x, along) - channel(y, along));
    let at = 1;
    for (let sum = counts.get(colours[0]); at < colours.length - 1 && sum < n / 2; at++) sum += counts.get(colours[at]);
    boxes.splice(0, 1, box(colours.slice(0, at)), box(colours.slice(at)));
  }
  return new Map(boxes.flatMap(({ colours }, i) => colours.map((key) => [key, i])));
}

/** The same picture with a palette, each colour of which is the mean of those it stands for. */
export function withPalette(png) {
  const { width, height, rgb } = decode(png);
  const keys = new Uint32Array(width * height);
  for (let i = 0; i < keys.length; i++) {
    keys[i] = [0, 1, 2].reduce((key, c) => key | ((rgb[3 * i + c] >> (8 - BITS)) << (BITS * c)), 0);
  }
  const indexOf = paletteOf(keys);
  const sums = new Float64Array(4 * N_COLOURS);
  const lines = Buffer.alloc(height * (width + 1)); // filter 0 before each
  for (let i = 0; i < keys.length; i++) {
    const index = indexOf.get(keys[i]);
    lines[i + Math.floor(i / width) + 1] = index;
    for (let c = 0; c < 3; c++) sums[4 * index + c] += rgb[3 * i + c];
    sums[4 * index + 3]++;
  }
  const palette = Buffer.alloc(3 * N_COLOURS);
  for (let i = 0; i < N_COLOURS; i++) {
    for (let c = 0; c < 3; c++) palette[3 * i + c] = Math.round(sums[4 * i + c] / Math.max(1, sums[4 * i + 3]));
  }
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 3, 0, 0, 0], 8);
  return Buffer.concat([SIGNATURE, chunk("IHDR", head), chunk("PLTE", palette), chunk("IDAT", deflateSync(lines, { level: 9 })), chunk("IEND", Buffer.alloc(0))]);
}
