// In: a trace and a unit's number. Out: both videos as strips over their time, with every frame that was looked at.

const SLOTS = 24;

function timeline(one, at) {
  return el("div.timeline", {}, one.record.videos.map((video, side) => track(one, at, video, side)));
}

function track(one, at, video, side) {
  const length = video.fps ? `${(video.frames / video.fps).toFixed(1)} s` : null;
  return el(
    `figure.track.v${side + 1}`,
    {},
    el(
      "figcaption",
      {},
      el("b", {}, `Video ${side + 1}`),
      video.name === `video ${side + 1}` ? null : el("span.name", { title: video.name }, ` ${video.name}`),
      el("span.dim", {}, ` ${[plural(video.frames, "frame"), length].filter(Boolean).join(", ")}`),
    ),
    el("div.course", {}, strip(one, video, side), marks(one, at, video, side), axis(video, side, one)),
  );
}

// The pictures of frames as they are, nearest to evenly spaced moments; a moment without one stays empty.
function strip(one, video, side) {
  const before = side === 0 ? 0 : one.record.videos[0].frames;
  const known = Object.keys(one.pictures ?? {})
    .filter((key) => /^\d+$/.test(key))
    .map((key) => Number(key) - before - 1)
    .filter((offset) => offset >= 0 && offset < video.frames)
    .sort((a, b) => a - b);
  const slots = Math.min(SLOTS, video.frames);
  const reach = video.frames / slots / 2;
  const cells = Array.from({ length: slots }, (_, slot) => {
    const centre = (slot + 0.5) * (video.frames / slots) - 0.5;
    const near = known.reduce((best, offset) => (best === null || Math.abs(offset - centre) < Math.abs(best - centre) ? offset : best), null);
    const shown = near !== null && Math.abs(near - centre) <= reach;
    return el("span.cell", {}, shown ? el("img", { src: one.pictures[String(near + before + 1)], alt: "", decoding: "async" }) : null);
  });
  return el("div.strip", { "--slots": String(slots), "aria-hidden": "true" }, cells);
}

// Where each frame lies: hollow for those shown first, filled for those in view, crossed for those forgotten, ringed
// for those this unit asks for.
function marks(one, at, video, side) {
  const { visible, forgotten, asked } = evidence(one, at);
  const placed = [
    ...one.record.initial.map((frame) => ({ frame, kind: "initial", label: "", words: "shown first" })),
    ...forgotten.flatMap((outcome) => each(outcome, "forgotten", `forgotten, outcome ${outcome.number}`)),
    ...visible.flatMap((outcome) => each(outcome, "visible", `in view, outcome ${outcome.number}`)),
    ...(asked ? each(asked, "asked", `asked for now, outcome ${asked.number}`) : []),
  ].filter((mark) => locate(one, mark.frame).video === side);
  // A frame may be looked at again and again: every outcome has a lane of its own.
  const lanes = [...new Set(placed.map((mark) => mark.label))].sort();
  return el(
    "div.marks",
    { role: "img", "--lanes": String(Math.max(1, lanes.length)), "aria-label": placed.length ? placed.map((mark) => `frame ${mark.frame} ${mark.words}`).join("; ") : "no frame looked at" },
    placed.map((mark) =>
      el(
        `span.mark.${mark.kind}`,
        { left: `${share(locate(one, mark.frame).offset, video)}%`, title: `frame ${mark.frame}: ${mark.words}`, "--hue": mark.hue, "--lane": String(lanes.indexOf(mark.label)) },
        mark.label,
      ),
    ),
  );
}

function each(outcome, kind, words) {
  return outcome.views.map((view) => ({ frame: view.frame, kind, label: String(outcome.number), words, hue: hue(outcome.number) }));
}

// The middle of a frame, in hundredths of the course.
function share(offset, video) {
  return (100 * (offset + 0.5)) / video.frames;
}

function axis(video, side, one) {
  const before = side === 0 ? 0 : one.record.videos[0].frames;
  const ticks = [...new Set([0, 0.25, 0.5, 0.75, 1].map((part) => Math.round(part * (video.frames - 1))))];
  return el(
    "div.axis",
    { "aria-hidden": "true" },
    ticks.map((offset) => el("span", { left: `${share(offset, video)}%` }, String(before + offset + 1))),
  );
}
