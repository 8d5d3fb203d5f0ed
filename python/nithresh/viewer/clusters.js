/**
 * The clusters of a map at any threshold, looked up in its component tree.
 *
 * A branch of the tree is one local maximum: at the height `merges` its cluster joins that
 * of the branch `into`, which has the smaller number. Each voxel knows its branch. So at a
 * threshold its cluster is that of the branch which the branches that have joined lead to.
 */

/** Undoes base64 and deflate. @param {string} text @returns {Promise<Uint8Array>} */
async function inflate(text) {
  const packed = Uint8Array.from(atob(text.trim()), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/**
 * Cut bytes into arrays. Those in `planes` have the first bytes of all numbers first.
 * @param {Uint8Array} bytes
 * @param {{name: string, type: string, length: number, planes: boolean}[]} layout
 */
function unpack(bytes, layout) {
  const arrays = {};
  let start = 0;
  for (const { name, type, length, planes } of layout) {
    const array = new globalThis[`${type[0].toUpperCase()}${type.slice(1)}Array`](length);
    const target = new Uint8Array(array.buffer);
    const size = planes ? array.BYTES_PER_ELEMENT : 1;
    for (let plane = 0; plane < size; plane++)
      for (let place = plane; place < target.length; place += size) target[place] = bytes[start++];
    arrays[name] = array;
  }
  return arrays;
}

/** Of each type its smallest number, how many such steps are alike, its largest number. */
const TYPES = {
  float16: [2 ** -24, 2 ** 11, 65504],
  float32: [2 ** -149, 2 ** 24, 2 ** 128 - 2 ** 104],
  float64: [Number.MIN_VALUE, 2 ** 53, Number.MAX_VALUE],
};

/**
 * The least distance from zero that passes. Never 0: zeros are in no cluster.
 * @param {number} threshold
 * @param {string} type - in which voxels are compared; integers are as float64
 * @param {boolean} isStrict - the next number: voxels equal to the threshold do not pass
 */
function leastOf(threshold, type, isStrict) {
  const [smallest, alike, largest] = TYPES[type];
  let unit = smallest;
  while (threshold / unit >= alike) unit *= 2;
  const steps = Math.round(threshold / unit);
  const nearest = steps - threshold / unit === 0.5 && steps % 2 ? steps - 1 : steps;
  const next = nearest === alike ? 2 : 1;
  const level = unit * (nearest + (isStrict ? next : 0));
  return level <= largest ? Math.max(level, Number.MIN_VALUE) : Infinity;
}

/**
 * The clusters at a threshold, numbered as by find_clusters.
 * @param {{values, branches, into, merges, peaks, type: string, isStrict: boolean,
 *   order: string, shape: number[]}} map - `branches` count from 1, and 0 is at zeros
 * @param {number} threshold - a distance from zero; on the negative side alone, 0 is the
 *   number next to it
 * @param {number} least - the least extent in voxels
 * @param {number} sign - 1 or -1: that side alone; 0: both
 * @returns {{level: number, numbers: Uint32Array, clusters: {id: number, voxel: number,
 *   peak: number, extent: number, mean: number}[]}} `numbers` are those of branches
 */
function clustersAt(map, threshold, least, sign) {
  const { values, branches, into, merges, peaks } = map;
  const distance = sign < 0 ? threshold || Number.MIN_VALUE : threshold;
  const level = leastOf(distance, map.type, map.isStrict);
  const owners = new Uint32Array(into.length);
  for (let branch = 0; branch < owners.length; branch++)
    owners[branch] = merges[branch] >= level ? owners[into[branch]] : branch;

  const extents = new Uint32Array(owners.length);
  // Sums of two numbers each: what the first cannot hold is in the second.
  const [sums, rests] = [new Float64Array(owners.length), new Float64Array(owners.length)];
  const firsts = new Uint32Array(owners.length).fill(-1);
  const [planes, rows, columns] = map.shape;
  for (let voxel = 0; voxel < values.length; voxel++) {
    const value = values[voxel];
    if (value < level && value > -level) continue;
    const owner = owners[branches[voxel] - 1];
    extents[owner]++;
    // With the first axis fastest.
    const row = Math.floor(voxel / columns);
    const place = Math.floor(row / rows) + planes * ((row % rows) + rows * (voxel % columns));
    firsts[owner] = Math.min(firsts[owner], place);
    const before = sums[owner];
    const sum = before + value;
    const taken = sum - before;
    rests[owner] += before - (sum - taken) + (value - taken);
    sums[owner] = sum;
  }

  const height = (branch) => Math.abs(values[peaks[branch]]);
  const side = (branch) => Math.sign(values[peaks[branch]]);
  // As in _rules.py; clusters that are alike come by extent.
  const before = {
    extent: () => 0,
    peak: (a, b) => height(b) - height(a),
    sign: (a, b) => side(b) - side(a) || height(b) - height(a),
    voxel: (a, b) => firsts[a] - firsts[b],
  }[map.order];
  const byExtent = (a, b) =>
    extents[b] - extents[a] || height(b) - height(a) || peaks[a] - peaks[b];
  const numbers = new Uint32Array(owners.length);
  const clusters = [...extents.keys()]
    .filter((branch) => extents[branch] >= Math.max(least, 1) && sign * values[peaks[branch]] >= 0)
    .sort((a, b) => before(a, b) || byExtent(a, b))
    .map((branch, place) => {
      numbers[branch] = place + 1;
      const [voxel, extent] = [peaks[branch], extents[branch]];
      const mean = (sums[branch] + rests[branch]) / extent;
      return { id: place + 1, voxel, peak: values[voxel], extent, mean };
    });
  return { level, numbers: owners.map((owner) => numbers[owner]), clusters };
}

/** The number of the cluster that a voxel belongs to; 0 for none. */
function labelOf(map, found, voxel) {
  const value = map.values[voxel];
  return value >= found.level || value <= -found.level ? found.numbers[map.branches[voxel] - 1] : 0;
}

/** A number with so many significant digits, as Python's format "g", but zero has no sign. */
function general(value, digits) {
  if (value === 0) return "0";
  let [mantissa, power] = value.toExponential(digits - 1).split("e");
  // Where just a 5 is cut off, JavaScript rounds away from zero and Python to even.
  const all = value.toExponential(100).split("e")[0];
  const kept = all.slice(0, digits + (value < 0 ? 2 : 1));
  if (/^50*$/.test(all.slice(kept.length)) && kept[kept.length - 1] % 2 === 0) mantissa = kept;
  const trimmed = (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
  if (power >= -4 && power < digits)
    return trimmed(Number(`${mantissa}e${power}`).toFixed(digits - 1 - power));
  return `${trimmed(mantissa)}e${power[0]}${power.slice(1).padStart(2, "0")}`;
}

/** A number with five digits and all whole ones, and as many more as tell it from the others. */
function short(value, ...others) {
  const numbers = [value, ...others];
  const size = Math.abs(value);
  const whole = size < 1e15 ? String(Math.round(size)).length : 0;
  for (let digits = Math.max(5, whole); digits < 17; digits++) {
    const texts = numbers.map((number) => general(number, digits));
    if (new Set(texts).size >= new Set(numbers).size) return texts[0];
  }
  return general(value, 17);
}

if (typeof module !== "undefined")
  module.exports = { inflate, unpack, leastOf, clustersAt, labelOf, general, short };
