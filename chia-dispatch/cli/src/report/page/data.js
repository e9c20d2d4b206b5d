// The embedded record, decoded into columns. Times are in microseconds since the start of the run.
const raw = JSON.parse(document.getElementById('data').textContent);
document.getElementById('data').remove();
const text = raw.strings;
const count = raw.calls.length ? raw.calls[0].length : 0;
const [fnOf, tagOf, doOf, whyOf, ruleOf, resOf, howOf, nodeOf, parentOf, queuedStep, waitOf, tookOf, savedOf,
  bytesOf, missOf, staleOf, errorOf, leftOf] = raw.calls;
const KINDS = ['ran', 'replayed', 'replaced', 'failed', 'open'];
const KIND_NAMES = {ran: 'ran', replayed: 'replayed', replaced: 'provider or file', failed: 'failed', open: 'end unknown',
  waiting: 'waiting'};
const queued = new Float64Array(count), start = new Float64Array(count), end = new Float64Array(count);
const kind = new Uint8Array(count);
const totals = {calls: count, ran: 0, replayed: 0, replaced: 0, failed: 0, open: 0, took: 0, saved: 0, bytes: 0, waited: 0};
const kindOf = how => how === '' ? 4 : how === 'ran' ? 0 : how === 'replayed' ? 1
  : how === 'failed' || how === 'cancelled' ? 3 : 2;
const kindOfString = text.map(kindOf);
for (let i = 0, at = 0; i < count; i++) {
  at += queuedStep[i];
  queued[i] = at;
  start[i] = at + waitOf[i];
  kind[i] = kindOfString[howOf[i]];
  end[i] = kind[i] === 4 ? Math.max(start[i], leftOf[i] || raw.length) : start[i] + tookOf[i];
  totals[KINDS[kind[i]]]++;
  totals.took += tookOf[i];
  totals.saved += savedOf[i];
  totals.bytes += bytesOf[i];
  totals.waited += waitOf[i];
}

// A cluster may name its nodes by long ids: the head of one tells them apart, and fits into a column.
const nodeLabel = i => text[nodeOf[i]].replace(/^([0-9a-f]{12})[0-9a-f]{20,}$/, '$1');

const whole = new Intl.NumberFormat('en');
const amount = n => whole.format(n);
function duration(us) {
  if (!us) return '0';
  if (us < 1000) return `${Math.round(us)} µs`;
  if (us < 1e6) return `${Number((us / 1e3).toPrecision(3))} ms`;
  if (us < 120e6) return `${Number((us / 1e6).toPrecision(3))} s`;
  if (us < 7200e6) return `${Math.floor(us / 60e6)} min${minor(us / 1e6, 's')}`;
  return `${amount(Math.floor(us / 3600e6))} h${minor(us / 60e6, 'min')}`;
}
const minor = (n, unit) => Math.floor(n) % 60 ? ` ${Math.floor(n) % 60} ${unit}` : '';
function size(bytes) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let at = 0;
  while (bytes >= 1024 && at < 4) { bytes /= 1024; at++; }
  return `${at ? bytes.toPrecision(3) : bytes} ${units[at]}`;
}
// The name of a call: its tag, else its function and id.
const label = i => text[tagOf[i]] || `${text[fnOf[i]]} #${raw.ids ? raw.ids[i] : i + 1}`;
