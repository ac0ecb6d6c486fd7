// In: the page's data. Out: traces with what can be asked of them: filters, orders, groups.

const KEYS = ["TA", "VQ", "MQ", "OA"];
const MEANING = { TA: "text alignment", VQ: "visual quality", MQ: "motion quality", OA: "overall" };

const data = JSON.parse(document.getElementById("data").textContent);

// One trace: its record, and what lists and filters ask of it.
function trace(record, number) {
  const { truth, answer, rounds } = record;
  const units = rounds.map((round) => round.unit).filter(Boolean);
  const right = (key) => (truth && answer ? truth[key] === answer[key] : null);
  return {
    number,
    record,
    pictures: data.albums[record.album],
    right: Object.fromEntries(KEYS.map((key) => [key, right(key)])),
    wrong: KEYS.filter((key) => right(key) === false).length,
    calls: rounds.reduce((sum, round) => sum + round.calls.filter((call) => call.views !== null).length, 0),
    tokens: rounds.reduce((sum, round) => sum + round.tokens, 0),
    seconds: rounds.reduce((sum, round) => sum + (round.seconds ?? 0), 0),
    answered: record.stop?.name === "answered",
    changed: units.length > 1 && units[0].judgment.OA !== units.at(-1).judgment.OA,
    words: [record.caption, record.source, record.pair, ...rounds.map((round) => round.text)].join("\n").toLowerCase(),
    group: null,
    disagreement: 0,
  };
}

const traces = data.records.map(trace);

// Traces of one pair belong together, whichever arm or sample they are.
const groups = Map.groupBy
  ? Map.groupBy(traces, (one) => one.record.album)
  : traces.reduce((map, one) => map.set(one.record.album, [...(map.get(one.record.album) ?? []), one]), new Map());

// The chance that two judgments of the pair, drawn at random, differ: 1 − Σ p², averaged over the four keys. No answer
// is a judgment of its own.
function disagreement(group) {
  const apart = KEYS.map((key) => {
    const counts = new Map();
    for (const one of group) {
      const said = one.record.answer?.[key] ?? "none";
      counts.set(said, (counts.get(said) ?? 0) + 1);
    }
    return 1 - [...counts.values()].reduce((sum, count) => sum + (count / group.length) ** 2, 0);
  });
  return apart.reduce((sum, value) => sum + value, 0) / KEYS.length;
}

for (const group of groups.values()) {
  const value = disagreement(group);
  for (const one of group) {
    one.group = group;
    one.disagreement = value;
  }
}

const FILTERS = [
  { name: "Wrong", title: "the overall answer is not the truth", keeps: (one) => one.right.OA === false },
  { name: "Malformed", title: "stopped without an answer in format", keeps: (one) => !one.answered },
  { name: "Called tools", title: "at least one call was carried out", keeps: (one) => one.calls > 0 },
  { name: "Changed its mind", title: "the overall judgment of the first unit is not that of the last", keeps: (one) => one.changed },
  { name: "Disagreement", title: "traces of the same pair do not all judge alike", keeps: (one) => one.disagreement > 0 },
];

const ORDERS = [
  { name: "as recorded", value: (one) => -one.number },
  { name: "most tool calls", value: (one) => one.calls },
  { name: "biggest disagreement", value: (one) => one.disagreement },
  { name: "most judgments wrong", value: (one) => (one.answered ? one.wrong : KEYS.length + 1) },
  { name: "lowest reward", value: (one) => -(one.record.reward?.total ?? Infinity) },
  { name: "largest advantage", value: (one) => Math.abs(one.record.reward?.advantage ?? -1) },
  { name: "most tokens", value: (one) => one.tokens },
];

const sources = [...new Set(traces.map((one) => one.record.source))];

// What all sources begin with, part by part, says nothing of one of them.
const common = sources.map((source) => source.split(" / ")).reduce((shared, parts) => shared.slice(0, [...shared, null].findIndex((part, at) => part !== parts[at])), sources[0]?.split(" / ") ?? []);

function ownSource(source) {
  const own = source.split(" / ").slice(common.length).join(" / ");
  return own || source;
}

// The traces that pass every chosen filter, in the chosen order; equals stay as they were recorded.
function chosen({ filters, order, source, text }) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const kept = traces.filter(
    (one) =>
      filters.every((filter) => filter.keeps(one)) &&
      (source === null || one.record.source === source) &&
      words.every((word) => one.words.includes(word)),
  );
  return kept
    .map((one) => [order.value(one), one])
    .sort(([a, one], [b, two]) => (a === b ? one.number - two.number : b > a ? 1 : -1))
    .map(([, one]) => one);
}
