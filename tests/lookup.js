// Answers lines of JSON with what clusters.js says: what the tests ask in Python.
const readline = require("node:readline");
const lookup = require(process.argv[2]);

const answers = {
  async clusters({ data, layout, rules, questions }) {
    const map = { ...lookup.unpack(await lookup.inflate(data), layout), ...rules };
    return questions.map((question) => {
      const found = lookup.clustersAt(map, ...question);
      const labels = Array.from(map.values, (_, voxel) => lookup.labelOf(map, found, voxel));
      return { labels, clusters: found.clusters };
    });
  },
  short: (numbers) => lookup.short(...numbers),
  general: ({ value, digits }) => lookup.general(value, digits),
  leasts: ({ thresholds, type, isStrict }) =>
    thresholds.map((threshold) => lookup.leastOf(threshold, type, isStrict)),
};

(async () => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [name, question] = JSON.parse(line);
    console.log(JSON.stringify(await answers[name](question)));
  }
})();
