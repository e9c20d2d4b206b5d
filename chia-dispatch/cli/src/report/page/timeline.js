// The timeline: for each group an area of what waits, then lanes of what runs. Calls that share a pixel
// are drawn once; groups with more lanes than pixels are drawn as areas alone.
const canvas = by('timeline'), brush = canvas.getContext('2d');
const LEFT = 160, AREA = 26, SPLIT = 5, GAP = 14, AXIS = 22, MOST_LANES = 160, MOST_GROUPS = 24;
// Distances between the marks of the axis: 1, 2 or 5 of a decimal place up to a minute, then clock times.
const STEPS = [...[1, 10, 100, 1e3, 1e4, 1e5, 1e6].flatMap(p => [p, 2 * p, 5 * p]), ...[10, 20, 30, 60, 120, 300, 600, 1200,
  1800, 3600, 7200, 14400, 21600, 43200, 86400].map(s => s * 1e6)];
const view = {from: 0, to: Math.max(1, raw.length)};
let groups = [], selected = -1, frame = 0;

// Puts each call of a group into the first lane that is free at its start.
function lanesOf(indices) {
  indices.sort((a, b) => start[a] - start[b]);
  const free = [], lanes = [];
  for (const i of indices) {
    if (end[i] <= start[i] && kind[i] === 4) continue;
    let at = -1;
    for (let lane = 0; lane < free.length && lane < MOST_LANES + 1; lane++) if (free[lane] <= start[i]) { at = lane; break; }
    if (at < 0) {
      if (lanes.length > MOST_LANES) return null;
      at = lanes.push([]) - 1;
    }
    lanes[at].push(i);
    free[at] = end[i];
  }
  return lanes;
}
function regroup() {
  const how = by('group').value;
  const resources = i => (text[resOf[i]] || 'cpu=1').split(' ').map(part => part.split('=')[0]);
  const key = {node: i => nodeLabel(i) || '(node unknown)', function: i => text[fnOf[i]], resource: null}[how];
  let found;
  if (key) found = grouped(key);
  else {
    const map = new Map();
    for (let i = 0; i < count; i++) for (const name of new Set(resources(i))) (map.get(name) || map.set(name, []).get(name)).push(i);
    found = [...map.entries()].sort((a, b) => b[1].length - a[1].length);
  }
  const hidden = found.length - MOST_GROUPS;
  groups = found.slice(0, MOST_GROUPS).map(([name, indices]) => ({name, indices, lanes: lanesOf(indices)}));
  by('timeline-text').textContent = groups.map(g => `${g.name}: ${amount(g.indices.length)} calls`).join('; ')
    + (hidden > 0 ? `; ${amount(hidden)} more groups are not drawn` : '') + '.';
  let top = AXIS;
  for (const group of groups) {
    group.top = top;
    const lanes = group.lanes ? group.lanes.length : 0;
    group.row = lanes ? Math.max(1, Math.min(14, Math.floor(200 / lanes))) : 0;
    top += AREA + (group.lanes ? SPLIT + lanes * group.row : AREA) + GAP;
  }
  canvas.height = canvas.dataset.height = Math.max(80, top);
  canvas.style.height = `${canvas.dataset.height}px`;
  drawTimeline();
}
const scale = () => (canvas.clientWidth - LEFT) / (view.to - view.from);
const xOf = time => LEFT + (time - view.from) * scale();

function drawTimeline() {
  if (!frame) frame = requestAnimationFrame(() => { frame = 0; draw(); });
}
function draw() {
  const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth, height = Number(canvas.dataset.height);
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  brush.setTransform(ratio, 0, 0, ratio, 0, 0);
  const tones = {};
  for (const name of [...KINDS, 'waiting', 'text', 'quiet', 'line']) tones[name] = colour(name);
  brush.font = '12px system-ui, sans-serif';
  drawAxis(tones, width, height);
  const chosen = chosenCalls();
  for (const group of groups) {
    brush.save();
    brush.beginPath();
    brush.rect(LEFT, 0, width - LEFT, height);
    brush.clip();
    drawArea(group, tones, width, chosen);
    if (group.lanes) drawLanes(group, tones, chosen);
    brush.restore();
    brush.fillStyle = tones.text;
    brush.fillText(shortened(group.name, LEFT - 12), 6, group.top + 12);
    brush.fillStyle = tones.quiet;
    brush.fillText(`${amount(group.indices.length)} calls, ${amount(group.most)} at once`, 6, group.top + 26);
  }
}
function shortened(name, width) {
  while (name.length > 3 && brush.measureText(name).width > width) name = `${name.slice(0, -2)}…`;
  return name;
}
function chosenCalls() {
  if (matches.length === count) return null;
  const chosen = new Uint8Array(count);
  for (const i of matches) chosen[i] = 1;
  return chosen;
}
function drawAxis(tones, width, height) {
  const span = view.to - view.from, rough = span / Math.max(2, (width - LEFT) / 110);
  const step = STEPS.find(s => s >= rough) || Math.ceil(rough / 864e8) * 864e8;
  brush.strokeStyle = tones.line;
  brush.fillStyle = tones.quiet;
  for (let at = Math.ceil(view.from / step) * step; at <= view.to; at += step) {
    const x = Math.round(xOf(at)) + .5;
    brush.beginPath();
    brush.moveTo(x, AXIS - 6);
    brush.lineTo(x, height);
    brush.stroke();
    brush.fillText(duration(at), x + 3, 12);
  }
}
// How many calls wait and how many run, a value a pixel: stacked, waiting on top of working.
function drawArea(group, tones, width, chosen) {
  const columns = Math.max(1, width - LEFT), k = scale();
  const waits = new Float32Array(columns + 1), works = KINDS.map(() => new Float32Array(columns + 1));
  const spread = (target, from, to) => {
    const a = (from - view.from) * k, b = Math.max((to - view.from) * k, a + 1);
    if (b < 0 || a >= columns) return;
    target[Math.max(0, Math.floor(a))]++;
    target[Math.min(columns, Math.ceil(b))]--;
  };
  for (const i of group.indices) {
    if (chosen && !chosen[i]) continue;
    if (waitOf[i] > 0) spread(waits, queued[i], start[i]);
    spread(works[kind[i]], start[i], end[i]);
  }
  const layers = [...works, waits], names = [...KINDS, 'waiting'], total = new Float32Array(columns);
  let most = 1;
  for (const layer of layers) {
    let level = 0;
    for (let x = 0; x < columns; x++) {
      layer[x] = level += layer[x];
      if ((total[x] += level) > most) most = total[x];
    }
  }
  // A layer at a time: changing the colour costs more than a rectangle.
  const height = group.lanes ? AREA : 2 * AREA, tops = new Float32Array(columns).fill(group.top + height);
  layers.forEach((layer, n) => {
    brush.fillStyle = tones[names[n]];
    for (let x = 0; x < columns; x++) {
      if (!layer[x]) continue;
      const h = layer[x] / most * height;
      brush.fillRect(LEFT + x, tops[x] -= h, 1, h);
    }
  });
  group.most = most;
}
function drawLanes(group, tones, chosen) {
  const row = group.row, gap = row > 3 ? 1 : 0;
  group.lanes.forEach((lane, at) => {
    const y = group.top + AREA + SPLIT + at * row;
    const failed = [];
    let last = -1, lastChosen = false, tone = -1;
    for (let n = firstVisible(lane); n < lane.length; n++) {
      const i = lane[n];
      if (start[i] > view.to) break;
      const x = xOf(start[i]), right = Math.max(xOf(end[i]), x + 1);
      const isChosen = !chosen || chosen[i] === 1;
      if (kind[i] === 3) failed.push(i);
      // What shares its pixel with an earlier call is not drawn, unless it alone was searched for.
      else if (right <= last && i !== selected && (lastChosen || !isChosen)) continue;
      brush.globalAlpha = isChosen ? 1 : .15;
      if (tone !== kind[i]) brush.fillStyle = tones[KINDS[tone = kind[i]]];
      const w = Math.max(1, right - x - (right - x > 3 ? .5 : 0));
      brush.fillRect(x, y, w, row - gap);
      if (i === selected) {
        brush.strokeStyle = tones.text;
        brush.lineWidth = 2;
        brush.strokeRect(x, y, w, Math.max(3, row - gap));
        brush.lineWidth = 1;
      }
      if (row >= 12 && w > 60) {
        tone = -1;
        brush.fillStyle = '#fff';
        brush.fillText(shortened(label(i), w - 6), Math.max(x, LEFT) + 3, y + row - 4);
      }
      last = Math.ceil(right);
      lastChosen = isChosen;
    }
    // A failure is never hidden by what shares its pixel.
    brush.fillStyle = tones.failed;
    for (const i of failed) {
      brush.globalAlpha = chosen && !chosen[i] ? .15 : 1;
      brush.fillRect(xOf(start[i]), y, Math.max(2, (end[i] - start[i]) * scale() - .5), row - gap);
    }
    brush.globalAlpha = 1;
  });
}
// Within a lane calls do not overlap, so their ends are in order as well.
function firstVisible(lane) {
  let low = 0, high = lane.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (end[lane[middle]] < view.from) low = middle + 1; else high = middle;
  }
  return low;
}
function zoom(factor, centre) {
  const limit = Math.max(1, raw.length), span = Math.min(limit, Math.max(10, (view.to - view.from) * factor));
  const share = (centre - view.from) / (view.to - view.from);
  move(centre - share * span, span);
}
function move(from, span = view.to - view.from) {
  view.from = Math.max(0, Math.min(from, Math.max(1, raw.length) - span));
  view.to = view.from + span;
  drawTimeline();
}
function select(i) {
  selected = i;
  by('selected').textContent = i < 0 ? 'No call is selected.' : describe(i);
  if (i >= 0 && (end[i] < view.from || start[i] > view.to)) move(start[i] - (view.to - view.from) / 2);
  drawTimeline();
}
function callAt(x, y) {
  const time = view.from + (x - LEFT) / scale(), slack = 2 / scale();
  for (const group of groups) {
    if (!group.lanes) continue;
    const lane = group.lanes[Math.floor((y - group.top - AREA - SPLIT) / group.row)];
    if (!lane) continue;
    const hit = lane.find(i => start[i] - slack <= time && end[i] + slack >= time);
    if (hit !== undefined) return hit;
  }
  return -1;
}
const centre = () => (view.from + view.to) / 2;
const KEYS = {
  '+': () => zoom(.5, centre()), '=': () => zoom(.5, centre()), '-': () => zoom(2, centre()),
  '0': () => move(0, Math.max(1, raw.length)),
  ArrowLeft: () => move(view.from - (view.to - view.from) / 5), ArrowRight: () => move(view.from + (view.to - view.from) / 5),
  n: () => step(1), p: () => step(-1),
};
function step(by) {
  if (!matches.length) return;
  const at = matches.indexOf(selected);
  select(matches[at < 0 ? 0 : (at + by + matches.length) % matches.length]);
}
function listen() {
  canvas.addEventListener('keydown', event => {
    const act = KEYS[event.key];
    if (act && !event.ctrlKey && !event.metaKey) { act(); event.preventDefault(); }
  });
  canvas.addEventListener('wheel', event => {
    event.preventDefault();
    zoom(event.deltaY > 0 ? 1.25 : .8, view.from + (event.offsetX - LEFT) / scale());
  }, {passive: false});
  let drag = null;
  canvas.addEventListener('pointerdown', event => { drag = {x: event.offsetX, from: view.from, moved: false}; });
  canvas.addEventListener('pointermove', event => {
    if (drag && event.buttons) {
      drag.moved ||= Math.abs(event.offsetX - drag.x) > 3;
      if (drag.moved) move(drag.from - (event.offsetX - drag.x) / scale());
    } else {
      const i = callAt(event.offsetX, event.offsetY);
      canvas.title = i < 0 ? '' : describe(i);
    }
  });
  canvas.addEventListener('pointerup', event => {
    if (drag && !drag.moved) select(callAt(event.offsetX, event.offsetY));
    drag = null;
  });
  by('zoom-in').onclick = () => zoom(.5, centre());
  by('zoom-out').onclick = () => zoom(2, centre());
  by('zoom-all').onclick = KEYS['0'];
  by('group').onchange = regroup;
  by('outcome').onchange = search;
  by('more').onclick = more;
  let timer = 0;
  by('search').oninput = () => { clearTimeout(timer); timer = setTimeout(search, 120); };
  addEventListener('resize', drawTimeline);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawTimeline);
}
