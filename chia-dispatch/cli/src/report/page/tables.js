// Everything but the timeline: cards, tables, search.
const by = id => document.getElementById(id);
function add(parent, tag, content, className) {
  const element = document.createElement(tag);
  if (content !== undefined) element.textContent = content;
  if (className) element.className = className;
  parent.appendChild(element);
  return element;
}
const colour = name => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

// A column is [title, value of a row, is it a number?]; a value is text or {kind} for an outcome.
function table(id, caption, columns, rows, empty) {
  const target = by(id);
  target.textContent = '';
  add(target, 'caption', rows.length ? caption : empty);
  if (!rows.length) return;
  const head = add(add(target, 'thead'), 'tr');
  for (const [title, , number] of columns) add(head, 'th', title, number ? 'number' : '').scope = 'col';
  const body = add(target, 'tbody');
  for (const row of rows) {
    const line = add(body, 'tr');
    for (const [, value, number] of columns) {
      const shown = value(row);
      const cell = add(line, 'td', undefined, number ? 'number' : '');
      if (typeof shown === 'object') {
        add(cell, 'i').style.background = `var(--${shown.kind})`;
        cell.appendChild(document.createTextNode(shown.text));
      } else cell.textContent = shown;
    }
  }
}
const outcome = i => ({kind: KINDS[kind[i]], text: text[howOf[i]] || 'end unknown'});
// The 50 calls with the largest values, without sorting all of them.
function top50(column) {
  let best = [], least = 0;
  const cut = () => {
    best = best.sort((a, b) => column[b] - column[a] || a - b).slice(0, 50);
    least = best.length === 50 ? column[best[49]] : 0;
  };
  for (let i = 0; i < count; i++) if (column[i] > least && best.push(i) === 2000) cut();
  cut();
  return best;
}
const where = test => { const found = []; for (let i = 0; i < count; i++) if (test(i)) found.push(i); return found; };
function grouped(key) {
  const groups = new Map();
  for (let i = 0; i < count; i++) {
    const name = key(i);
    if (name === null) continue;
    const group = groups.get(name);
    if (group) group.push(i); else groups.set(name, [i]);
  }
  return [...groups.entries()].sort((a, b) => b[1].length - a[1].length);
}
const sum = (indices, column) => indices.reduce((total, i) => total + column[i], 0);
const of = (indices, which) => { let n = 0; for (const i of indices) if (kind[i] === which) n++; return n; };

function showHead() {
  const head = raw.header;
  by('program').textContent = head.program || 'a loop';
  const ended = raw.ended ? 'ended in order' : 'did not end in order, or still runs';
  by('facts').textContent = `Run ${head.id}, started ${head.started} on ${head.host} (process ${head.pid}), `
    + `${duration(raw.length)}, ${ended}${head.cache ? `; cache ${head.cache}` : ''}${head.mode ? `; mode ${head.mode}` : ''}.`;
  by('notes').hidden = !raw.notes.length;
  for (const note of raw.notes) add(by('notes'), 'li', note);
  const card = (name, title, value, shown, tone) => {
    const box = add(by('summary'), 'div');
    if (tone) box.style.setProperty('--card', `var(--${tone})`);
    add(box, 'dt', title);
    const number = add(box, 'dd', shown);
    number.id = `total-${name}`;
    number.dataset.value = value;
  };
  card('calls', 'calls', count, amount(count));
  for (const name of KINDS) {
    if (totals[name] || name !== 'open') card(name, KIND_NAMES[name], totals[name], amount(totals[name]), name);
  }
  card('saved', 'computing saved', totals.saved, duration(totals.saved), 'replayed');
  card('took', 'time worked', totals.took, duration(totals.took), 'ran');
  card('waited', 'time waited', totals.waited, duration(totals.waited), 'waiting');
  card('bytes', 'bytes of results', totals.bytes, size(totals.bytes));
}

function showTables() {
  const name = row => row[0];
  table('functions', 'By function, the busiest first.', [
    ['function', name], ['calls', r => amount(r[1].length), 1], ['ran', r => amount(of(r[1], 0)), 1],
    ['replayed', r => amount(of(r[1], 1)), 1], ['replaced', r => amount(of(r[1], 2)), 1],
    ['failed', r => amount(of(r[1], 3)), 1], ['time worked', r => duration(sum(r[1], tookOf)), 1],
    ['time waited', r => duration(sum(r[1], waitOf)), 1], ['saved', r => duration(sum(r[1], savedOf)), 1],
  ], grouped(i => text[fnOf[i]]), 'No call was made.');
  const call = ['call', label], fn = ['function', i => text[fnOf[i]]], how = ['outcome', outcome];
  table('slowest', 'The 50 calls that worked longest.', [call, fn, how, ['took', i => duration(tookOf[i]), 1]],
    top50(tookOf), 'No call took time.');
  const again = grouped(i => tagOf[i] ? fnOf[i] * text.length + tagOf[i] : null).filter(g => g[1].length > 1).slice(0, 50);
  table('repeated', 'Steps of one function and tag that were called more than once.', [
    ['tag', g => label(g[1][0])], ['function', g => text[fnOf[g[1][0]]]], ['calls', g => amount(g[1].length), 1],
    ['ran', g => amount(of(g[1], 0)), 1], ['time worked', g => duration(sum(g[1], tookOf)), 1],
  ], again, 'No step was called twice.');
  const reasons = (column, title) => [[title, g => g[0]], ['calls', g => amount(g[1].length), 1],
    ['such as', g => g[1].slice(0, 3).map(label).join(', ')], ['time worked', g => duration(sum(g[1], tookOf)), 1]];
  const reasonOf = column => grouped(i => column[i] ? text[column[i]] : null);
  table('misses', 'Why calls ran although they were to be replayed.', reasons(missOf, 'reason'), reasonOf(missOf).slice(0, 200),
    'Every replay found its value.');
  table('stale', 'Results that were served although something differs.', reasons(staleOf, 'what differs'),
    reasonOf(staleOf).slice(0, 200), 'No stale result was served.');
  table('failures', 'Calls that failed, by message.', reasons(errorOf, 'message'), reasonOf(errorOf).slice(0, 200),
    'No call failed.');
  for (const line of raw.unused) add(by('unused'), 'li', line);
  if (!raw.unused.length) add(by('unused'), 'li', raw.ended ? 'Nothing was reported.' : 'Not known: the run did not end in order.');
  const touched = new Map(grouped(i => ruleOf[i] ? text[ruleOf[i]] : null));
  table('rules', 'The rules of the run, and the calls that each decided.', [
    ['section', r => r.section], ['function', r => r.fn], ['place', r => r.at], ['on', r => r.on ? 'yes' : 'no'],
    ['tags', r => r.tags ? r.tags.join(', ') : 'any'],
    ['calls', r => r.section === 'bypass' ? amount((touched.get(r.at) || []).length) : '', 1],
    ['replayed', r => r.section === 'bypass' ? amount(of(touched.get(r.at) || [], 1)) : '', 1],
  ], raw.header.rules || [], 'The run had no rules.');
}

let matches = [], listed = 0;
function search() {
  const wanted = by('search').value.toLowerCase(), how = by('outcome').value;
  const hit = text.map(s => s.toLowerCase().includes(wanted));
  matches = where(i => (hit[tagOf[i]] || hit[fnOf[i]]) && (how === '' || KINDS[kind[i]] === how));
  listed = 0;
  by('found').textContent = `${amount(matches.length)} of ${amount(count)} calls`;
  by('found').dataset.value = matches.length;
  more();
  drawTimeline();
}
function more() {
  listed = Math.min(matches.length, listed + 100);
  table('list', `${amount(listed)} of ${amount(matches.length)} calls, in the order in which they were dispatched.`, [
    ['call', label], ['function', i => text[fnOf[i]]], ['outcome', outcome],
    ['decision', i => [text[doOf[i]], text[whyOf[i]]].filter(Boolean).join(', ')], ['node', nodeLabel],
    ['dispatched', i => duration(queued[i]), 1], ['waited', i => duration(waitOf[i]), 1],
    ['took', i => duration(tookOf[i]), 1], ['bytes', i => bytesOf[i] ? size(bytesOf[i]) : '', 1],
  ], matches.slice(0, listed), 'No call matches.');
  by('more').hidden = listed === matches.length;
}
function describe(i) {
  const parts = [`${label(i)}: ${text[fnOf[i]]}, ${text[howOf[i]] || 'end unknown'}`];
  if (text[nodeOf[i]]) parts.push(`on ${text[nodeOf[i]]}`);
  parts.push(`dispatched at ${duration(queued[i])}, waited ${duration(waitOf[i])}, took ${duration(tookOf[i])}`);
  if (savedOf[i]) parts.push(`saved ${duration(savedOf[i])}`);
  if (doOf[i]) parts.push(`decided to ${text[doOf[i]]} (${text[whyOf[i]]}${ruleOf[i] ? `, rule at ${text[ruleOf[i]]}` : ''})`);
  for (const column of [missOf, staleOf, errorOf]) if (column[i]) parts.push(text[column[i]]);
  if (parentOf[i] >= 0) parts.push(`called by ${label(parentOf[i])}`);
  return `${parts.join('; ')}.`;
}
