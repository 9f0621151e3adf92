// SPDX-License-Identifier: MIT
// scene.js: the pack in three dimensions. It draws looks (look.js), knows no records, and works only while something
// moves. Shaders are ours and write display colours, which costs a software renderer a fraction of three's materials.

import { chargeColor, COLUMNS, heatColor, N_CELLS, UNKNOWN_COLOR } from "./look.js";

const ROWS = N_CELLS / COLUMNS;
const PITCH = 1.06;
const CELL = { radius: 0.44, height: 2.1, base: 0.32 };
const TRAY = { x: (COLUMNS * PITCH) / 2 + 0.22, z: (ROWS * PITCH) / 2 + 0.22, corner: 0.42 };
const PORT = [TRAY.x + 0.3, 0.34, 0]; // where the cable leaves the pack
const FLOOR_RADIUS = 8;
const TURN_S = 75; // one turn of the slow rotation
const EASE_S = 0.35; // values are drawn within about three times this
const FRAME_MS = 1000 / 61; // no more than 60 frames/s on a faster screen
const STATUS = { NORMAL: "#35d18a", WARNING: "#f5b041", CRITICAL: "#ff4d55", UNKNOWN: "#6b7a85" };
const FLOW = { charging: "#63d4ff", discharging: "#ffb45a" };
const BACK = "#0a1117";
const MIN_RATIO = 0.6; // of a CSS pixel: what a slow renderer may go down to
const N_COMETS = 3; // on the way of each cell
const N_POINTS = 8; // head and tail of a comet

// ---- shaders ------------------------------------------------------------------------------

const STUDIO = /* glsl */ `
  // a room of two soft lamps, as a normal in view space sees it
  float studio(vec3 n) {
    float key = smoothstep(0.25, 0.95, dot(n, normalize(vec3(-0.5, 0.75, 0.45))));
    float rim = smoothstep(0.55, 1.0, dot(n, normalize(vec3(0.9, 0.25, 0.1))));
    return 0.16 + 0.62 * key + 0.35 * rim + 0.10 * n.y;
  }`;

const CELL_VERTEX = /* glsl */ `
  varying vec3 vNormal; varying vec3 vView; varying float vY; varying float vSeed;
  void main() {
    vec4 at = modelViewMatrix * instanceMatrix * vec4(position, 1.0);
    vNormal = normalize(normalMatrix * normal);
    vView = -at.xyz;
    vY = position.y;
    vSeed = float(gl_InstanceID);
    gl_Position = projectionMatrix * at;
  }`;

// A glass tube with a column of light as high as the charge, between a steel foot and a steel cap.
const CELL_FRAGMENT = /* glsl */ `
  uniform vec3 color; uniform float level; uniform float life; uniform float time; uniform float height;
  varying vec3 vNormal; varying vec3 vView; varying float vY; varying float vSeed;
  ${STUDIO}
  void main() {
    vec3 n = normalize(vNormal);
    float facing = clamp(dot(n, normalize(vView)), 0.0, 1.0);
    float lamp = studio(n);
    float h = (vY - 0.16) / (height - 0.40);
    if (h < 0.0 || h > 1.0) { // steel
      vec3 steel = vec3(0.42, 0.47, 0.52) * lamp * 1.3 + vec3(0.8) * lamp * lamp * lamp * lamp * 0.4;
      float leak = h > 1.0 ? exp(-(1.0 - level) * 9.0) * exp(-(h - 1.0) * 9.0) : exp(h * 14.0);
      gl_FragColor = vec4(steel + color * leak * life * 0.55, 1.0);
      return;
    }
    float breath = 0.94 + 0.06 * sin(time * 1.3 + vSeed * 1.7);
    float inside = 1.0 - smoothstep(level - 0.004, level + 0.004, h);
    float facing2 = facing * facing;
    float core = 0.42 + 0.58 * facing * sqrt(facing);
    vec3 lit = color * core * breath + vec3(0.30 * facing2 * facing2 * facing2 * life);
    lit *= 0.84 + 0.16 * h / max(level, 0.05);
    float away = exp(-abs(h - level) * 6.0);
    float away4 = away * away * away * away;
    vec3 glass = vec3(0.035, 0.05, 0.062) + color * 0.34 * life * away * (0.4 + 0.6 * facing);
    vec3 c = mix(glass, lit, inside);
    c += (color + 0.5) * 0.55 * life * step(0.004, level) * away4 * away4 * away4 * away4; // its surface
    float mark = min(min(abs(h - 0.25), abs(h - 0.5)), abs(h - 0.75));
    c *= 0.80 + 0.20 * smoothstep(0.004, 0.010, mark); // quarters
    float stripe = smoothstep(0.16, 0.05, abs(n.x + 0.52)) * 0.20 + smoothstep(0.09, 0.02, abs(n.x - 0.66)) * 0.12;
    c += vec3(stripe) * smoothstep(0.0, 0.06, h) * smoothstep(1.0, 0.94, h);
    c += vec3(0.175, 0.225, 0.26) * (1.0 - facing) * (1.0 - facing) * (1.0 - facing);
    gl_FragColor = vec4(c, 1.0);
  }`;

const METAL_VERTEX = /* glsl */ `
  varying vec3 vNormal; varying vec3 vView;
  void main() {
    vec4 at = modelViewMatrix * vec4(position, 1.0);
    vNormal = normalMatrix * normal;
    vView = -at.xyz;
    gl_Position = projectionMatrix * at;
  }`;
const METAL_FRAGMENT = /* glsl */ `
  uniform vec3 color; uniform float glow; uniform float life;
  varying vec3 vNormal; varying vec3 vView;
  ${STUDIO}
  void main() {
    vec3 n = normalize(vNormal);
    float edge = 1.0 - clamp(dot(n, normalize(vView)), 0.0, 1.0);
    edge *= edge * edge;
    float lamp = studio(n);
    vec3 c = color * lamp + vec3(0.12) * lamp * lamp * lamp * lamp + vec3(0.2, 0.26, 0.3) * edge * 0.35;
    c = mix(c, color, glow);
    gl_FragColor = vec4(mix(vec3(dot(c, vec3(0.3, 0.59, 0.11))), c, 0.15 + 0.85 * life), 1.0);
  }`;

// The floor under the pack: its shadow, the light of its border and of its cells; the background further out.
const FLOOR_FRAGMENT = /* glsl */ `
  uniform vec3 back; uniform vec3 border; uniform vec3 color; uniform vec3 size; uniform float life; uniform float radius;
  varying vec2 vAt;
  void main() {
    vec2 q = abs(vAt) - size.xy + size.z;
    float d = length(max(q, 0.0)) + min(max(q.x, q.y), 0.0) - size.z;
    float r = dot(vAt, vAt) / (radius * radius);
    float far = (1.0 - r) * (1.0 - r);
    float near = exp(-max(d, 0.0));
    float near2 = near * near;
    float near4 = near2 * near2;
    vec3 c = back + vec3(0.014, 0.022, 0.028) * far;
    c *= 1.0 - 0.75 * near4 * near;
    c += (border * (0.50 * near4 + 0.11 * near) * (0.35 + 0.65 * life) + color * 0.06 * life * near) * far;
    gl_FragColor = vec4(c, 1.0);
  }`;

// The plate that cools the cells: its colour is the temperature, between the cells and at the rim.
const PLATE_FRAGMENT = /* glsl */ `
  uniform vec3 color; uniform vec3 heat; uniform float life; uniform float pitch; uniform vec2 cells;
  varying vec2 vAt;
  void main() {
    vec2 g = abs(fract(vAt / pitch + 0.5 * cells) - 0.5) * pitch;
    float d = length(g);
    vec3 c = vec3(0.028, 0.04, 0.05) + heat * (0.16 + 0.34 * smoothstep(0.42, 0.75, d)) * (0.3 + 0.7 * life);
    c += color * 0.55 * life * exp(-max(d - 0.42, 0.0) * 11.0);
    gl_FragColor = vec4(c, 1.0);
  }`;
const FLAT_VERTEX = /* glsl */ `
  varying vec2 vAt;
  void main() { vAt = position.xz; gl_Position = projectionMatrix * modelViewMatrix * vec4(position, 1.0); }`;

const HALO_VERTEX = /* glsl */ `
  uniform float scale;
  void main() {
    vec4 at = modelViewMatrix * vec4(position, 1.0);
    gl_PointSize = 2.7 * scale / -at.z;
    gl_Position = projectionMatrix * at;
  }`;
const HALO_FRAGMENT = /* glsl */ `
  uniform vec3 color; uniform float strength;
  void main() {
    float d = length(gl_PointCoord - 0.5) * 2.0;
    float f = max(1.0 - d, 0.0);
    gl_FragColor = vec4(color * strength * f * f, 1.0);
  }`;

// Energy: comets from the cell's cap to the port and out along the cable (way 0 to 1), or back. Their heads lead.
const COMET_VERTEX = /* glsl */ `
  attribute vec4 comet; // x, z of the cell; offset on the way; place in the comet, 0 = head
  uniform float phase; uniform float direction; uniform float scale; uniform vec3 port; uniform float top; uniform float tail;
  varying float vLight;
  vec3 bezier(vec3 a, vec3 b, vec3 c, vec3 d, float t) {
    float u = 1.0 - t;
    return u * u * u * a + 3.0 * u * u * t * b + 3.0 * u * t * t * c + t * t * t * d;
  }
  void main() {
    float head = fract(comet.z + phase);
    float way = head - comet.w * tail; // along its motion
    float s = direction > 0.0 ? way : 1.0 - way;
    vec3 cap = vec3(comet.x, top, comet.y);
    float fan = comet.y * 0.10;
    vec3 p = s < 0.6
      ? bezier(cap, cap + vec3(0.0, 1.15, 0.0), port + vec3(0.15, 2.0, fan * 3.0), port + vec3(0.0, 0.0, fan), s / 0.6)
      : bezier(port + vec3(0.0, 0.0, fan), port + vec3(0.1, -0.5, fan), port + vec3(1.1, -0.28, 0.0), port + vec3(3.6, -0.24, 0.0), (s - 0.6) / 0.4);
    vec4 at = modelViewMatrix * vec4(p, 1.0);
    float fade = smoothstep(0.0, 0.07, way) * smoothstep(1.0, 0.86, way) * (1.0 - 0.6 * smoothstep(0.8, 1.0, s));
    float lead = 1.0 - comet.w;
    vLight = fade * (0.15 + 0.85 * lead * lead);
    gl_PointSize = (0.055 + 0.16 * lead * lead) * scale / -at.z;
    gl_Position = way < 0.0 ? vec4(2.0, 2.0, 2.0, 1.0) : projectionMatrix * at;
  }`;
const COMET_FRAGMENT = /* glsl */ `
  uniform vec3 color; uniform float strength;
  varying float vLight;
  void main() {
    float d = length(gl_PointCoord - 0.5) * 2.0;
    float f = max(1.0 - d, 0.0);
    gl_FragColor = vec4((color + vec3(0.55) * pow(f, 5.0)) * f * f * vLight * strength, 1.0);
  }`;

// ---- shapes -------------------------------------------------------------------------------

function cellPlaces() {
  return Array.from({ length: N_CELLS }, (_, i) => [
    ((i % COLUMNS) - (COLUMNS - 1) / 2) * PITCH,
    (Math.floor(i / COLUMNS) - (ROWS - 1) / 2) * PITCH,
  ]);
}

function roundedRectangle(THREE, x, z, corner, Kind = THREE.Shape) {
  const s = new Kind();
  s.moveTo(-x + corner, -z);
  s.lineTo(x - corner, -z).absarc(x - corner, -z + corner, corner, -Math.PI / 2, 0, false);
  s.lineTo(x, z - corner).absarc(x - corner, z - corner, corner, 0, Math.PI / 2, false);
  s.lineTo(-x + corner, z).absarc(-x + corner, z - corner, corner, Math.PI / 2, Math.PI, false);
  s.lineTo(-x, -z + corner).absarc(-x + corner, -z + corner, corner, Math.PI, 1.5 * Math.PI, false);
  return s;
}

// A flat shape of the x-z plane, as high as said.
function slab(THREE, shape, from, height, bevel = 0.03) {
  const geometry = new THREE.ExtrudeGeometry(shape, {
    depth: height - 2 * bevel, bevelEnabled: bevel > 0, bevelSize: bevel, bevelThickness: bevel, bevelSegments: 1, curveSegments: 7,
  });
  geometry.rotateX(-Math.PI / 2);
  geometry.translate(0, from + bevel, 0);
  return geometry;
}

function cellShape(THREE) {
  const { radius: r, height: h } = CELL;
  const profile = [[0, 0], [r * 0.9, 0], [r, 0.06], [r, 0.16], [r * 0.975, 0.17], [r * 0.975, h - 0.25], [r, h - 0.24], [r, h - 0.12],
    [r * 0.93, h - 0.04], [r * 0.5, h - 0.02], [r * 0.44, h], [r * 0.42, h + 0.07], [r * 0.36, h + 0.1], [0, h + 0.1]];
  return new THREE.LatheGeometry(profile.map(([x, y]) => new THREE.Vector2(x, y)), 28);
}

// ---- the scene ----------------------------------------------------------------------------

/**
 * Draw into a canvas. three: the module. options: {isStill: no motion of its own, isSoftware: WebGL without a graphics card,
 * insetPx(): the width on the right that is covered, onFrame({soc, cellColor})}. Throws where there is no WebGL.
 * Gives {show(look), setStill(isStill), hold(isHeld), turn(azimuth, pitch), home(), stats(), dispose()}.
 */
export function createScene(THREE, canvas, options) {
  THREE.ColorManagement.enabled = false;
  const isSoftware = options.isSoftware; // pixels are dear: no more than one sample each
  const renderer = new THREE.WebGLRenderer({ canvas, antialias: !isSoftware, powerPreference: "low-power" });
  renderer.setClearColor(BACK);
  const scene = new THREE.Scene();
  const camera = new THREE.PerspectiveCamera(32, 1, 1, 60);
  const places = cellPlaces();
  const garbage = [renderer];
  const keep = (thing) => (garbage.push(thing), thing);
  const color = (text) => new THREE.Color(text);

  // what the shaders share; each is changed in one place
  const shared = {
    color: { value: color(UNKNOWN_COLOR) }, heat: { value: color(UNKNOWN_COLOR) }, border: { value: color(STATUS.UNKNOWN) },
    life: { value: 0 }, time: { value: 0 }, scale: { value: 1 },
  };
  const material = (vertexShader, fragmentShader, uniforms, more) =>
    keep(new THREE.ShaderMaterial({ vertexShader, fragmentShader, uniforms, ...more }));
  const metal = (tint) => material(METAL_VERTEX, METAL_FRAGMENT, { color: { value: color(tint) }, glow: { value: 0 }, life: shared.life });
  const add = (object) => (keep(object.geometry), scene.add(object), object);
  const light = { transparent: true, depthWrite: false, blending: THREE.AdditiveBlending };

  // floor, tray with its border, cooling plate
  const ground = new THREE.CircleGeometry(FLOOR_RADIUS, 40).rotateX(-Math.PI / 2);
  const floor = add(new THREE.Mesh(ground, material(FLAT_VERTEX, FLOOR_FRAGMENT, {
    back: { value: color(BACK) }, border: shared.border, color: shared.color, life: shared.life, radius: { value: FLOOR_RADIUS },
    size: { value: new THREE.Vector3(TRAY.x, TRAY.z, TRAY.corner) },
  })));
  floor.position.y = -0.02;
  floor.renderOrder = 1; // after what hides it
  const frame = (grow, hole) => {
    const shape = roundedRectangle(THREE, TRAY.x + grow, TRAY.z + grow, TRAY.corner + grow);
    shape.holes.push(roundedRectangle(THREE, TRAY.x + hole, TRAY.z + hole, TRAY.corner + hole, THREE.Path));
    return shape;
  };
  const dark = metal("#3a454d");
  add(new THREE.Mesh(slab(THREE, frame(0, -0.16), 0.02, 0.62), dark));
  add(new THREE.Mesh(slab(THREE, frame(0.035, -0.02), 0.40, 0.10, 0.012), material(METAL_VERTEX, METAL_FRAGMENT, { color: shared.border, glow: { value: 0.86 }, life: { value: 1 } })));
  const plate = new THREE.ShapeGeometry(roundedRectangle(THREE, TRAY.x - 0.1, TRAY.z - 0.1, TRAY.corner)).rotateX(-Math.PI / 2);
  add(new THREE.Mesh(plate, material(FLAT_VERTEX, PLATE_FRAGMENT, {
    color: shared.color, heat: shared.heat, life: shared.life, pitch: { value: PITCH }, cells: { value: new THREE.Vector2(COLUMNS % 2, ROWS % 2) },
  }))).position.y = CELL.base - 0.02;

  // cells
  const uniforms = { ...shared, level: { value: 0 }, height: { value: CELL.height } };
  const cells = add(new THREE.InstancedMesh(cellShape(THREE), material(CELL_VERTEX, CELL_FRAGMENT, uniforms), N_CELLS));
  places.forEach(([x, z], i) => cells.setMatrixAt(i, new THREE.Matrix4().makeTranslation(x, CELL.base, z)));
  keep(cells);

  // copper in series, a port and its cable
  const copper = metal("#b8733f");
  const top = CELL.base + CELL.height + 0.1;
  for (let row = 0; row < ROWS; row++) {
    for (let column = 0; column + 1 < COLUMNS; column += 2) {
      const [x, z] = places[row * COLUMNS + column];
      const bar = roundedRectangle(THREE, PITCH / 2 + 0.13, 0.13, 0.12);
      add(new THREE.Mesh(slab(THREE, bar, top - 0.02, 0.07, 0.015), copper)).position.set(x + PITCH / 2, 0, z);
    }
  }
  add(new THREE.Mesh(new THREE.BoxGeometry(0.42, 0.44, 1.0).translate(PORT[0] - 0.12, PORT[1], 0), dark));
  const cable = (z) => new THREE.CatmullRomCurve3([[PORT[0], PORT[1], z], [PORT[0] + 0.35, PORT[1] - 0.03, z], [PORT[0] + 0.9, 0.1, z * 0.8],
    [PORT[0] + 2.2, 0.08, z * 0.7], [PORT[0] + 4.2, 0.08, z * 0.7]].map((p) => new THREE.Vector3(...p)));
  const orange = metal("#d9722a");
  for (const z of [-0.26, 0.26]) add(new THREE.Mesh(new THREE.TubeGeometry(cable(z), 26, 0.085, 8), orange));

  // light: a halo at each cell, and the comets
  const halo = { color: shared.color, strength: { value: 0 }, scale: shared.scale };
  const centres = new THREE.BufferGeometry().setAttribute("position", new THREE.Float32BufferAttribute(places.flatMap(([x, z]) => [x, CELL.base + CELL.height * 0.5, z]), 3));
  add(new THREE.Points(centres, material(HALO_VERTEX, HALO_FRAGMENT, halo, light)));
  const energy = {
    phase: { value: 0 }, direction: { value: 1 }, strength: { value: 0 }, color: { value: color(FLOW.discharging) }, scale: shared.scale,
    port: { value: new THREE.Vector3(...PORT) }, top: { value: top }, tail: { value: 0.08 },
  };
  const comets = [];
  places.forEach(([x, z], i) => {
    for (let c = 0; c < N_COMETS; c++) {
      for (let p = 0; p < N_POINTS; p++) comets.push(x, z, ((i * 0.618) % 1) / N_COMETS + c / N_COMETS, p / (N_POINTS - 1));
    }
  });
  const stream = new THREE.BufferGeometry();
  stream.setAttribute("position", new THREE.Float32BufferAttribute(new Float32Array((comets.length / 4) * 3), 3));
  stream.setAttribute("comet", new THREE.Float32BufferAttribute(comets, 4));
  const points = add(new THREE.Points(stream, material(COMET_VERTEX, COMET_FRAGMENT, energy, light)));
  points.frustumCulled = false;

  // ---- motion -----------------------------------------------------------------------------

  let look = null;
  const drawn = { soc: 0, life: 0, heat: 25, speed: 0, strength: 0 }; // what eases towards the look
  const HOME = { azimuth: 0.62, pitch: 0.5 };
  const view = { ...HOME };
  let isStill = Boolean(options.isStill);
  let isHeld = false;
  let isSeen = true;
  let frameId = 0;
  let lastMs = 0;
  let slowMs = 0;
  let nSlow = 0;
  let nFrames = 0;
  let ratio = firstRatio();

  // A still picture can take its time.
  function firstRatio() {
    if (isSoftware) return isStill ? 2 : 0.8;
    return Math.min(2, window.devicePixelRatio || 1);
  }

  const target = () => ({
    soc: look && look.soc !== null ? look.soc : 0,
    life: !look || look.isStale ? 0 : 1,
    heat: look && look.temperature !== null ? look.temperature : 25,
    speed: look ? look.speed : 0,
    strength: look && look.speed > 0 ? 1 : 0,
  });

  // Is a value still on its way?
  function ease(dtS) {
    let isMoving = false;
    const share = isStill ? 1 : 1 - Math.exp(-dtS / EASE_S);
    for (const [key, to] of Object.entries(target())) {
      const rest = to - drawn[key];
      const isNear = Math.abs(rest) < (key === "soc" || key === "heat" ? 0.02 : 0.004);
      drawn[key] = isNear ? to : drawn[key] + share * rest;
      isMoving ||= drawn[key] !== to;
    }
    return isMoving;
  }

  const gray = (c, life) => {
    const y = 0.3 * c.r + 0.59 * c.g + 0.11 * c.b;
    return c.setRGB(y * 0.8 + (c.r - y * 0.8) * life, y * 0.84 + (c.g - y * 0.84) * life, y * 0.9 + (c.b - y * 0.9) * life);
  };

  function draw(dtS) {
    const isMoving = ease(dtS);
    const isKnown = Boolean(look) && look.soc !== null;
    const cellColor = isKnown ? chargeColor(drawn.soc) : UNKNOWN_COLOR;
    gray(shared.color.value.set(cellColor), isKnown ? 0.08 + 0.92 * drawn.life : 0);
    gray(shared.heat.value.set(look && look.temperature !== null ? heatColor(drawn.heat) : "#26323a"), drawn.life);
    shared.border.value.set(STATUS[look ? look.status : "UNKNOWN"] || STATUS.UNKNOWN);
    shared.life.value = isKnown ? drawn.life : 0.15 * drawn.life;
    uniforms.level.value = isKnown ? drawn.soc / 100 : 0;
    halo.strength.value = isKnown ? 0.20 * drawn.life * (0.35 + 0.65 * drawn.soc / 100) : 0;
    if (look && FLOW[look.flow]) {
      energy.color.value.set(FLOW[look.flow]);
      energy.direction.value = look.flow === "charging" ? -1 : 1;
    }
    energy.strength.value = drawn.strength;
    points.visible = drawn.strength > 0.01;
    if (!isStill) {
      shared.time.value += dtS * drawn.life;
      energy.phase.value = (energy.phase.value + dtS * (0.05 + 0.42 * drawn.speed)) % 1;
      if (!isHeld && drawn.life > 0.5) view.azimuth += (dtS * 2 * Math.PI) / TURN_S;
    }
    const distance = camera.userData.distance;
    camera.position.set(distance * Math.cos(view.pitch) * Math.sin(view.azimuth), 0.85 + distance * Math.sin(view.pitch), distance * Math.cos(view.pitch) * Math.cos(view.azimuth));
    camera.lookAt(0, 0.85, 0);
    renderer.render(scene, camera);
    nFrames++;
    options.onFrame?.({ soc: isKnown ? drawn.soc : null, cellColor: `#${shared.color.value.getHexString()}` });
    return isMoving || (!isStill && drawn.life > 0.5);
  }

  function resize() {
    const { clientWidth: width, clientHeight: height } = canvas;
    if (width === 0 || height === 0) return;
    renderer.setPixelRatio(ratio);
    renderer.setSize(width, height, false);
    // the values stand on the right of a wide stage: the pack moves to the free part
    const inset = options.insetPx?.() || 0;
    camera.aspect = (width + inset) / height;
    camera.userData.distance = Math.max(13, 16.5 / ((width - inset) / height));
    if (inset > 0) camera.setViewOffset(width + inset, height, inset, 0, width, height);
    else camera.clearViewOffset();
    camera.updateProjectionMatrix();
    shared.scale.value = (height * ratio) / (2 * Math.tan((camera.fov * Math.PI) / 360));
    wake();
  }

  // A renderer that cannot keep up draws fewer pixels rather than fewer frames.
  function adapt(dtMs) {
    slowMs += dtMs;
    if (++nSlow < 20) return;
    const meanMs = slowMs / nSlow;
    slowMs = nSlow = 0;
    if (meanMs > 34 && ratio > MIN_RATIO) {
      ratio = Math.max(MIN_RATIO, ratio * 0.8);
      resize();
    }
  }

  function tick(nowMs) {
    frameId = 0;
    const dtMs = lastMs ? nowMs - lastMs : 16;
    if (dtMs < FRAME_MS - 4) {
      frameId = requestAnimationFrame(tick);
      return;
    }
    lastMs = nowMs;
    if (!isStill) adapt(dtMs);
    if (draw(Math.min(dtMs, 100) / 1000)) frameId = requestAnimationFrame(tick);
    else lastMs = 0;
  }

  function wake() {
    if (frameId === 0 && isSeen && !document.hidden) frameId = requestAnimationFrame(tick);
  }

  function sleep() {
    cancelAnimationFrame(frameId);
    frameId = lastMs = 0;
  }

  const onVisibility = () => (document.hidden ? sleep() : wake());
  document.addEventListener("visibilitychange", onVisibility);
  const watcher = new IntersectionObserver(([entry]) => {
    isSeen = entry.isIntersecting;
    if (isSeen) wake();
    else sleep();
  });
  watcher.observe(canvas);
  const sizer = new ResizeObserver(resize);
  sizer.observe(canvas);
  resize();

  return {
    show(next) {
      const isFirst = look === null;
      look = next;
      if (isFirst) Object.assign(drawn, target());
      wake();
    },
    setStill(still) {
      isStill = still;
      ratio = firstRatio();
      resize();
    },
    hold(held) {
      isHeld = held;
    },
    turn(azimuth, pitch) {
      view.azimuth += azimuth;
      view.pitch = Math.min(1.35, Math.max(0.08, view.pitch + pitch));
      wake();
    },
    home() {
      Object.assign(view, HOME);
      wake();
    },
    stats: () => ({ nFrames, ratio, isRunning: frameId !== 0, calls: renderer.info.render.calls, triangles: renderer.info.render.triangles }),
    dispose() {
      sleep();
      document.removeEventListener("visibilitychange", onVisibility);
      watcher.disconnect();
      sizer.disconnect();
      for (const thing of garbage) thing.dispose();
    },
  };
}
