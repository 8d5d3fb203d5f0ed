/** The page: slices, controls and table of the clusters that clusters.js finds. */
const $ = (id) => document.getElementById(id);
const settings = JSON.parse($("settings").textContent);
const { view, limits, bar, texts, background, lowest } = settings;
const dark = matchMedia("(prefers-color-scheme: dark)");
const MOST_ROWS = 100;
/** What a look-up reads, and what it has found by clustersAt. */
let [map, found, isWaiting] = [null, null, false];
/** What the controls say. */
const asked = {};
/** The point in mm that all slices go through. */
const cross = [...settings.cuts];
const panels = [..."xyz"].map((name, axis) => {
  const [across, up] = [axis ? 0 : 1, axis < 2 ? 2 : 1];
  const [width, height] = [across, up].map((side) => view[side][1] - view[side][0]);
  return { name, axis, across, up, width, height, figure: $(name), canvas: $(name).firstChild };
});

/** The voxel whose box holds a point in mm; -1 outside. */
function voxelAt({ shape, toVoxel }, [x, y, z]) {
  let voxel = 0;
  for (let axis = 0; axis < 3; axis++) {
    const [a, b, c, d] = toVoxel[axis];
    const index = Math.floor(a * x + b * y + c * z + d + 0.5 + 1e-6);
    if (index < 0 || index >= shape[axis]) return -1;
    voxel = voxel * shape[axis] + index;
  }
  return voxel;
}

/** Indices and place in mm of a voxel, summed as in Python. */
function placeOf(voxel) {
  const [, rows, columns] = settings.map.shape;
  const ijk = [voxel / columns / rows, (voxel / columns) % rows, voxel % columns].map(Math.floor);
  const [i, j, k] = ijk;
  return { ijk, xyz: settings.affine.map(([a, b, c, d]) => i * a + j * b + k * c + d) };
}

/** The pixels of a slice through a volume, and where they are: mm from the upper left. */
function layerOf({ name, across, up }, volume) {
  const [[left, dx, width], [bottom, dy, height]] = volume.grids[name];
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  const voxels = new Int32Array(width * height);
  const read = () => {
    const point = [...cross];
    for (let pixel = 0; pixel < voxels.length; pixel++) {
      point[across] = left + (pixel % width) * dx;
      point[up] = bottom + (height - 1 - Math.floor(pixel / width)) * dy;
      voxels[pixel] = voxelAt(volume, point);
    }
  };
  const [x, y] = [left - dx / 2 - view[across][0], view[up][1] - bottom - (height - 0.5) * dy];
  return { canvas, context, image, voxels, read, x, y, dx, dy, width, height };
}

/** Reads a slice anew after it has moved, and paints what lies behind the map. */
function slice(panel, isBlack) {
  if (panel.cut === cross[panel.axis] && panel.isBlack === isBlack) return;
  Object.assign(panel, { cut: cross[panel.axis], isBlack });
  panel.map.read();
  if (!background) return;
  panel.background.read();
  const { voxels, image, context } = panel.background;
  const shades = background[isBlack ? "dark" : "light"];
  voxels.forEach((voxel, pixel) => {
    const grey = voxel < 0 ? 0 : map.background[voxel];
    image.data.fill(shades[grey], 4 * pixel, 4 * pixel + 3);
    image.data[4 * pixel + 3] = grey ? 255 : 0;
  });
  context.putImageData(image, 0, 0);
}

/** Colours the map by what is found at the threshold; returns the label of each pixel. */
function colour({ voxels, image, context }) {
  const labels = new Uint32Array(voxels.length);
  voxels.forEach((voxel, pixel) => {
    const value = voxel < 0 ? 0 : map.values[voxel];
    const label = value ? labelOf(map, found, voxel) : 0;
    labels[pixel] = label;
    const isBelow = value && asked.below && asked.sign * value >= 0;
    const shade = Math.floor((256 * (value - limits[0])) / (limits[1] - limits[0]));
    const start = 3 * Math.min(Math.max(shade, 0), 255);
    for (let part = 0; part < 3; part++) image.data[4 * pixel + part] = map.ramp[start + part];
    const dimmed = isBelow ? 200 * Math.min(1, Math.abs(value) / found.level) : 0;
    image.data[4 * pixel + 3] = label ? 255 : dimmed;
  });
  context.putImageData(image, 0, 0);
  return labels;
}

/** Lines along the borders of pixels of different clusters, light under dark. */
function outline(context, { x, y, dx, dy, width, height }, labels, unit) {
  const at = (column, row) => (column % width === column && labels[row * width + column]) || 0;
  context.beginPath();
  for (let pixel = 0; pixel < (width + 1) * (height + 1); pixel++) {
    const [column, row] = [pixel % (width + 1), Math.floor(pixel / (width + 1))];
    const own = at(column, row);
    if (own !== at(column - 1, row)) context.rect(x + column * dx, y + row * dy, 0, dy);
    if (own !== at(column, row - 1)) context.rect(x + column * dx, y + row * dy, dx, 0);
  }
  for (const [strokeStyle, line] of Object.entries({ "#fff": 2.6, "#000": 1.1 })) {
    Object.assign(context, { strokeStyle, lineWidth: line * unit });
    context.stroke();
  }
}

/** Writes the number of each cluster into its widest row of pixels, where there is room. */
function number(context, { x, y, dx, dy, width }, labels, unit) {
  const rows = new Map();
  for (let pixel = 0, start = 0; pixel < labels.length; pixel++) {
    if (labels[pixel + 1] === labels[start] && (pixel + 1) % width) continue;
    const widest = rows.get(labels[start])?.length ?? 0;
    if (pixel - start + 1 > widest)
      rows.set(labels[start], { length: pixel - start + 1, middles: [] });
    if (pixel - start + 1 >= widest) rows.get(labels[start]).middles.push((start + pixel) >> 1);
    start = pixel + 1;
  }
  rows.delete(0);
  const style = { textAlign: "center", textBaseline: "middle", lineJoin: "round" };
  Object.assign(context, { ...style, font: `600 ${12 * unit}px sans-serif` });
  Object.assign(context, { strokeStyle: "#fff", lineWidth: 3 * unit, fillStyle: "#000" });
  const taken = [];
  for (const [label, { middles }] of [...rows].sort(([a], [b]) => a - b)) {
    const middle = middles[middles.length >> 1];
    const left = x + ((middle % width) + 0.5) * dx;
    const top = y + (Math.floor(middle / width) + 0.5) * dy;
    const reach = context.measureText(label).width / 2 + 2 * unit;
    if (taken.some(([a, b, c]) => Math.abs(a - left) < c + reach && Math.abs(b - top) < 13 * unit))
      continue;
    taken.push([left, top, reach]);
    context.strokeText(label, left, top);
    context.fillText(label, left, top);
  }
}

/** Draws a slice. All lengths are in mm, and `unit` is a pixel of CSS. */
function draw(panel, isBlack) {
  slice(panel, isBlack);
  const labels = colour(panel.map);
  const { canvas, figure, width, height, name, axis, across, up } = panel;
  const scale = (canvas.clientWidth * devicePixelRatio) / width;
  const size = [Math.round(width * scale), Math.round(height * scale)];
  if (`${size}` !== `${[canvas.width, canvas.height]}`) [canvas.width, canvas.height] = size;
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  for (const layer of [panel.background, panel.map].filter(Boolean)) {
    context.imageSmoothingEnabled = layer === panel.background;
    const { canvas: pixels, x, y, dx, dy } = layer;
    context.drawImage(pixels, x, y, layer.width * dx, layer.height * dy);
  }
  outline(context, panel.map, labels, devicePixelRatio / scale);
  number(context, panel.map, labels, devicePixelRatio / scale);
  const text = `${name} = ${+cross[axis].toFixed(1)}`;
  canvas.setAttribute("aria-label", `Slice at ${text} mm; arrow keys move the cross`);
  figure.lastChild.textContent = text;
  figure.className = isBlack ? "black" : "white";
  const [column, row] = figure.querySelectorAll("i");
  column.style.left = `${(100 * (cross[across] - view[across][0])) / width}%`;
  row.style.top = `${(100 * (view[up][1] - cross[up])) / height}%`;
}

/** Shows the clusters: table, colour bar, counts, and the calls that give the same. */
function show() {
  const { threshold, extent: least, sign } = asked;
  const near = (value) => short(value, threshold, -threshold);
  const rows = found.clusters.slice(0, MOST_ROWS).map(({ id, voxel, peak, extent, mean }) => {
    const sizes = [extent, short(extent * settings.voxelVolume)];
    const xyz = placeOf(voxel).xyz.map((coord) => short(coord));
    const cells = [id, ...xyz, near(peak), ...sizes, near(mean)].join("</td><td>");
    return `<tr tabindex="${id === 1 ? 0 : -1}"><td>${cells}</td></tr>`;
  });
  $("rows").innerHTML = rows.join("");
  const more = found.clusters.length - rows.length;
  $("more").textContent = more ? `... and ${more} more rows` : "";
  const voxels = found.clusters.reduce((sum, { extent }) => sum + extent, 0);
  $("count").textContent = `${found.clusters.length} clusters, ${voxels} voxels`;
  // A negative threshold of 0 is the number next to it.
  const signed = sign < 0 ? -(threshold || Number.MIN_VALUE) : threshold;
  const words = `${signed}, cluster_threshold=${least}, two_sided=${sign ? "False" : "True"}`;
  $("python").textContent = texts.python.join(words);
  const options = `-t ${signed} -k ${least}${sign > 0 ? " --one-sided" : ""}`;
  $("command").textContent = texts.command?.join(options);
  // The command has no word for both signs where its rules are for one.
  $("command").parentNode.hidden = !texts.command || (texts.isOneSided && !sign);
  const hidden = [sign > 0 ? bar[0] : -threshold, sign < 0 ? bar[1] : threshold];
  const [from, to] = hidden.map((value) => (value - bar[0]) / (bar[1] - bar[0]));
  Object.assign($("hidden").style, { left: `${100 * from}%`, width: `${100 * (to - from)}%` });
}

/** Copies the text of an element, or all clusters in full as tab-separated values. */
function copy(what) {
  const head = ["id", "sign", ..."xyz", ..."ijk", "peak", "extent", "volume_mm3", "mean"];
  const rows = found.clusters.map(({ id, voxel, peak, extent, mean }) => {
    const { ijk, xyz } = placeOf(voxel);
    return [id, Math.sign(peak), ...xyz, ...ijk, peak, extent, extent * settings.voxelVolume, mean];
  });
  const table = [head, ...rows].map((row) => `${row.join("\t")}\n`).join("");
  // Frames may not use the clipboard; what is selected can always be copied.
  const area = document.body.appendChild(document.createElement("textarea"));
  area.value = what === "table" ? table : $(what).textContent;
  area.select();
  document.execCommand("copy");
  area.remove();
  $("copied").textContent = "Copied.";
}

/** Says what is at a point; returns the number of its cluster. */
function tell(point) {
  const voxel = voxelAt(settings.map, point);
  const label = voxel < 0 ? 0 : labelOf(map, found, voxel);
  const value = voxel < 0 ? "outside the map" : short(map.values[voxel]);
  const where = point.map((coord) => +coord.toFixed(1)).join(", ");
  $("here").textContent = `${where} mm: ${value}${label ? `, cluster ${label}` : ""}`;
  return label;
}

/** Draws everything with the next frame, and before that finds the clusters if need be. */
function redraw() {
  if (isWaiting) return;
  isWaiting = true;
  requestAnimationFrame(() => {
    isWaiting = false;
    const isStale = !found;
    found ??= clustersAt(map, asked.threshold, asked.extent, asked.sign);
    if (isStale) show();
    for (const panel of panels) draw(panel, settings.isBlack ?? dark.matches);
    const label = tell(cross);
    for (const row of $("rows").children)
      row.setAttribute("aria-current", +row.firstChild.textContent === label);
  });
}

function moveTo(point) {
  for (let axis = 0; axis < 3; axis++)
    cross[axis] = Math.min(Math.max(point[axis], view[axis][0]), view[axis][1]);
  redraw();
}

/** Lets a slice answer to mouse, finger, wheel and keys. */
function listen({ canvas, axis, across, up, width, height }) {
  const under = ({ offsetX, offsetY }) => {
    const point = [...cross];
    point[across] = view[across][0] + (offsetX / canvas.clientWidth) * width;
    point[up] = view[up][1] - (offsetY / canvas.clientHeight) * height;
    return point;
  };
  const step = (event, along, steps) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return; // The browser's: zoom, and back.
    event.preventDefault();
    moveTo(cross.map((coord, own) => coord + (own === along) * steps * settings.map.steps[own]));
  };
  const right = { ArrowRight: across, ArrowUp: up, PageUp: axis };
  const left = { ArrowLeft: across, ArrowDown: up, PageDown: axis };
  canvas.onpointerdown = (event) => moveTo(under(event));
  canvas.onpointermove = (event) => (event.buttons ? moveTo(under(event)) : tell(under(event)));
  canvas.onpointerleave = () => tell(cross);
  canvas.onwheel = (event) => step(event, axis, -Math.sign(event.deltaY));
  canvas.onkeydown = (event) => {
    if (event.key in right) step(event, right[event.key], 1);
    if (event.key in left) step(event, left[event.key], -1);
  };
}

/** Lets the rows of the table lead to their peaks. */
function listenToRows(rows) {
  const jump = (row) => moveTo(placeOf(found.clusters[row.sectionRowIndex].voxel).xyz);
  rows.onclick = ({ target }) => jump(target.closest("tr"));
  rows.onkeydown = (event) => {
    const row = event.target.closest("tr");
    if (event.key === "Enter") jump(row);
    if (event.key === "ArrowDown") row.nextSibling?.focus();
    if (event.key === "ArrowUp") row.previousSibling?.focus();
    if (event.key.startsWith("Arrow")) event.preventDefault();
  };
}

/** Reads the controls, of which one may have moved. */
function read(moved) {
  if (moved === $("slider")) $("threshold").value = Math.max(moved.value, lowest);
  if ($("threshold").value === "" || $("extent").value === "") return;
  if (moved === $("threshold")) $("slider").value = moved.value;
  asked.threshold = Math.max($("threshold").value, lowest);
  asked.extent = Math.max(Math.ceil($("extent").value), 0);
  Object.assign(asked, { sign: +$("sign").value, below: $("below").checked });
  found = null;
  redraw();
}

async function start() {
  map = { ...unpack(await inflate($("data").textContent), settings.arrays), ...settings.lookup };
  for (const panel of panels) {
    panel.map = layerOf(panel, settings.map);
    panel.background = background && layerOf(panel, background);
    listen(panel);
    new ResizeObserver(redraw).observe(panel.canvas);
  }
  listenToRows($("rows"));
  $("controls").oninput = ({ target }) => read(target);
  for (const id of ["threshold", "extent"])
    $(id).onchange = () => Reflect.set($(id), "value", asked[id]);
  $("copies").onclick = ({ target }) => target.dataset.copy && copy(target.dataset.copy);
  $("static").hidden = true;
  $("live").hidden = $("copies").hidden = false;
  dark.onchange = redraw;
  read();
}

// A browser that cannot inflate keeps the picture and the table.
if (typeof DecompressionStream !== "undefined") start();
