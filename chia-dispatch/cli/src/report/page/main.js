// Draws the page. `?search=…` and `?group=…` after the file's name preset the controls.
const began = performance.now();
for (const name of [...KINDS.slice(0, 4), 'waiting', 'open']) {
  const item = add(by('legend'), 'li');
  add(item, 'i').style.background = `var(--${name})`;
  item.appendChild(document.createTextNode(KIND_NAMES[name]));
}
for (const name of KINDS) add(by('outcome'), 'option', KIND_NAMES[name]).value = name;
const preset = new URLSearchParams(location.search);
for (const name of ['search', 'group', 'outcome']) if (preset.has(name)) by(name).value = preset.get(name);
canvas.setAttribute('aria-label', `Timeline of ${amount(count)} calls in ${duration(raw.length)}`);
showHead();
showTables();
search();
regroup();
listen();
draw();
document.body.dataset.drawn = Math.round(performance.now() - began);
