'use strict';
// The data is JSON, packed with gzip, written as base64.
async function unpack() {
  const packed = Uint8Array.from(atob(document.getElementById('data').textContent.trim()), c => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'));
  return JSON.parse(await new Response(stream).text());
}

// What each state looks like: a sign and a word, besides the colour.
const STATES = {
  pass: ['✓', 'pass'], fail: ['✗', 'fail'], known: ['≈', 'known deviation'], fixed: ['★', 'passes, listed as deviating'], error: ['!', 'error'],
  timeout: ['◷', 'timeout'], crash: ['☠', 'crash'], skip: ['–', 'skip'], missing: ['·', 'not run']
};
const DEVIATIONS = ['fail', 'known', 'error', 'timeout', 'crash'];

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === 'onclick') made.addEventListener('click', value);
    else if (value !== null && value !== false) made.setAttribute(key, value);
  }
  made.append(...children.filter(child => child !== null));
  return made;
}
const byId = id => document.getElementById(id);

function stateOf(outcome) {
  if (!outcome) return 'missing';
  if (outcome.listed) return outcome.verdict === 'pass' ? 'fixed' : outcome.verdict === 'skip' ? 'skip' : 'known';
  return outcome.verdict;
}

function start(data) {
  const subjects = data.subjects.map(subject => subject.name);
  const outcomes = new Map(subjects.map(name => [name, data.outcomes[name] || {}]));
  const state = (subject, name) => stateOf(outcomes.get(subject)[name]);
  const passes = s => s === 'pass' || s === 'fixed';
  const groups = [...new Set(data.cases.map(one => one.group))];
  const byName = new Map(data.cases.map(one => [one.name, one]));

  // ---- scores: of all cases, the same number for every subject; what was skipped or not run counts as not passed
  let order = null, descending = true;
  const ran = s => s !== 'skip' && s !== 'missing';
  function score(subject, cases) {
    let passed = 0, applicable = 0;
    for (const one of cases) {
      const s = state(subject, one.name);
      if (s !== 'skip') ++applicable;
      if (passes(s)) ++passed;
    }
    return {passed, applicable, all: cases.length};
  }
  // Cases that at least two subjects ran and all that ran them passed.
  function agreeing(cases) {
    let same = 0, applicable = 0;
    for (const one of cases) {
      const seen = subjects.map(subject => state(subject, one.name)).filter(ran);
      if (seen.length >= 2) ++applicable;
      if (seen.length >= 2 && seen.every(passes)) ++same;
    }
    return {passed: same, applicable, all: cases.length};
  }
  function drawScores() {
    const columns = ['all agree', ...subjects];
    const of = (column, cases) => column === 'all agree' ? agreeing(cases) : score(column, cases);
    let rows = groups.map(group => {
      const cases = data.cases.filter(one => one.group === group);
      return {group, cells: columns.map(column => of(column, cases))};
    });
    if (order !== null) rows = rows.sort((a, b) => (b.cells[order].passed / b.cells[order].all - a.cells[order].passed / a.cells[order].all) * (descending ? 1 : -1));
    const cell = ({passed, applicable, all}) => element('td', {class: applicable === 0 ? 'none' : passed === applicable ? 'full' : null,
      title: applicable === all ? null : `${all - applicable} do not apply`}, `${passed}/${all}`);
    const percent = (passed, of) => element('td', {}, of === 0 ? '–' : Math.floor(passed / of * 100) + ' %');
    const total = columns.map(column => of(column, data.cases));
    const head = columns.map((column, i) => element('th', {scope: 'col', 'aria-sort': order === i ? (descending ? 'descending' : 'ascending') : null},
      element('button', {type: 'button', title: 'Sort by ' + column, onclick: () => { descending = order === i ? !descending : true; order = i; drawScores(); }},
        column + (order === i ? (descending ? ' ↓' : ' ↑') : ''))));
    byId('scores').replaceChildren(
      element('thead', {}, element('tr', {}, element('th', {scope: 'col'}, 'group'), ...head)),
      element('tbody', {}, ...rows.map(row => element('tr', {}, element('th', {scope: 'row'}, row.group), ...row.cells.map(cell))),
        element('tr', {class: 'total'}, element('th', {scope: 'row'}, 'total'), ...total.map(cell)),
        element('tr', {class: 'total'}, element('th', {scope: 'row'}, 'of all cases'), ...total.map(one => percent(one.passed, one.all))),
        element('tr', {}, element('th', {scope: 'row'}, 'of those that apply'), ...total.map(one => percent(one.passed, one.applicable)))));
  }

  // ---- filters
  const filters = ['text', 'group', 'outcome', 'on', 'differs-a', 'differs-b'].map(byId);
  const [text, group, outcome, only, differsA, differsB] = filters;
  const fill = (select, first, options) => select.replaceChildren(element('option', {value: ''}, first), ...options.map(o => element('option', {value: o}, o)));
  fill(group, 'all groups', groups);
  fill(outcome, 'any outcome', ['deviating', ...Object.keys(STATES)]);
  fill(only, 'on any subject', subjects);
  fill(differsA, 'differs between…', subjects);
  fill(differsB, '…and', subjects);

  function wanted(one) {
    const words = text.value.trim().toLowerCase();
    if (words && !(one.name + ' ' + one.title + ' ' + one.clauses.join(' ')).toLowerCase().includes(words)) return false;
    if (group.value && one.group !== group.value) return false;
    if (differsA.value && differsB.value) {
      const [a, b] = [state(differsA.value, one.name), state(differsB.value, one.name)];
      if (!ran(a) || !ran(b) || passes(a) === passes(b)) return false;
    }
    if (!outcome.value) return true;
    const looked = only.value ? [only.value] : subjects;
    return looked.some(name => outcome.value === 'deviating' ? DEVIATIONS.includes(state(name, one.name)) : state(name, one.name) === outcome.value);
  }

  // ---- matrix
  function drawMatrix() {
    const shownSubjects = only.value ? [only.value] : subjects;
    const body = element('tbody');
    let last = null, shown = 0;
    for (const one of data.cases) {
      if (!wanted(one)) continue;
      ++shown;
      if (one.group !== last) body.append(element('tr', {class: 'group'}, element('th', {scope: 'colgroup', colspan: shownSubjects.length + 1}, one.group)));
      last = one.group;
      const row = element('tr', {}, element('th', {scope: 'row', class: 'case', title: one.title}, one.name.slice(one.group.length + 1)));
      for (const name of shownSubjects) {
        const s = state(name, one.name);
        row.append(element('td', {class: s, tabindex: -1, role: 'button', 'data-case': one.name, 'data-subject': name,
          'aria-label': `${one.name} on ${name}: ${STATES[s][1]}`, title: STATES[s][1]}, STATES[s][0] + ' ' + (s === 'missing' ? '' : s)));
      }
      body.append(row);
    }
    byId('matrix').replaceChildren(element('thead', {}, element('tr', {}, element('th', {scope: 'col'}, 'case'),
      ...shownSubjects.map(name => element('th', {scope: 'col'}, name)))), body);
    byId('count').textContent = `${shown} of ${data.cases.length} cases`;
    const first = byId('matrix').querySelector('td');
    if (first) first.tabIndex = 0;
  }

  // ---- one cell
  const dialog = byId('detail');
  const block = (title, ...content) => [element('h3', {}, title), ...content];
  function differences(tree) {
    const lines = element('pre');
    for (const one of tree) {
      const line = (sign, kind, words) => element('div', {class: kind}, `${sign}${one.path}  ${words}`);
      if (one.what === 'missing') lines.append(line('-', 'minus', one.expected));
      else if (one.what === 'unexpected') lines.append(line('+', 'plus', one.observed));
      else lines.append(line('-', 'minus', `${one.what} ${one.expected || ''}`), line('+', 'plus', `${one.what} ${one.observed || ''}`));
    }
    return lines;
  }
  function deviation(one) {
    const facts = element('dl');
    if (one.step) facts.append(element('dt', {}, 'step'), element('dd', {}, one.step));
    if (one.expected) facts.append(element('dt', {}, 'expected'), element('dd', {}, one.expected));
    if (one.observed) facts.append(element('dt', {}, 'observed'), element('dd', {}, one.observed));
    return element('div', {class: 'deviation'}, element('strong', {}, one.where), facts, one.tree ? differences(one.tree) : null);
  }
  function showDetail(name, on) {
    const one = byName.get(name), seen = (outcomes.get(on) || {})[name];
    if (!one) return;
    const s = stateOf(seen);
    const body = element('div', {class: 'body'});
    if (seen && seen.listed) body.append(...block('Known', element('p', {}, seen.listed)));
    if (seen && seen.reason) body.append(...block(STATES[s][1], element('p', {}, seen.reason + (seen.step ? ` (at ${seen.step})` : ''))));
    if (seen && seen.deviations) body.append(...block('What deviated', ...seen.deviations.map(deviation)));
    body.append(...block('Clauses', ...one.clauses.map(id => element('p', {}, element('strong', {}, id), ' ' + (data.clauses[id] || '')))));
    body.append(...block('The case', element('pre', {}, one.words)));
    body.append(element('details', {}, element('summary', {}, 'As JSON'), element('pre', {}, JSON.stringify(one.json, null, 2))));
    body.append(...block('Run it', element('pre', {}, `ovlcheck run --subject '${on}' --filter '${name}'\n` +
      `ovlcheck repro '${name}' --subject '${on.split('@')[0]}' --output repro.sh   # a script that needs no ovlcheck`)));
    dialog.replaceChildren(
      element('header', {}, element('div', {}, element('h2', {id: 'detail-title'}, name), element('div', {}, one.title),
        element('div', {class: s}, `${STATES[s][0]} ${STATES[s][1]} on ${on}`)),
        element('button', {type: 'button', onclick: () => dialog.close()}, 'Close')), body);
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
  }
  // The address says which cell is open and which filters are set, so that Back and links work.
  function address(cell) {
    const parts = new URLSearchParams();
    for (const filter of filters) if (filter.value) parts.set(filter.id, filter.value);
    if (cell) { parts.set('case', cell.case); parts.set('subject', cell.subject); }
    return '#' + parts;
  }
  function go(cell) { if (address(cell) !== location.hash) history.pushState(null, '', address(cell)); follow(); }
  function follow() {
    const parts = new URLSearchParams(location.hash.slice(1));
    let changed = false;
    for (const filter of filters) {
      const value = parts.get(filter.id) || '';
      if (filter.value !== value) { filter.value = value; changed = true; }
    }
    if (changed || !byId('matrix').firstChild) drawMatrix();
    const name = parts.get('case');
    if (name) showDetail(name, parts.get('subject') || subjects[0]);
    else if (dialog.open) dialog.close();
  }

  for (const filter of filters) filter.addEventListener('input', () => { history.replaceState(null, '', address(null)); drawMatrix(); });
  dialog.addEventListener('close', () => { if (location.hash.includes('case=')) go(null); });
  dialog.addEventListener('click', event => { if (event.target === dialog) dialog.close(); });
  window.addEventListener('popstate', follow);
  window.addEventListener('hashchange', follow);

  const matrix = byId('matrix');
  const open = cell => go({case: cell.dataset.case, subject: cell.dataset.subject});
  matrix.addEventListener('click', event => { const cell = event.target.closest('td'); if (cell) open(cell); });
  matrix.addEventListener('keydown', event => {
    const cell = event.target.closest('td');
    if (!cell) return;
    if (event.key === 'Enter' || event.key === ' ') { event.preventDefault(); return open(cell); }
    const rowMoves = {ArrowUp: 'previousElementSibling', ArrowDown: 'nextElementSibling'};
    let next = null;
    if (event.key === 'ArrowLeft') next = cell.previousElementSibling;
    if (event.key === 'ArrowRight') next = cell.nextElementSibling;
    if (rowMoves[event.key]) {
      const column = [...cell.parentNode.children].indexOf(cell);
      let row = cell.parentNode[rowMoves[event.key]];
      while (row && row.classList.contains('group')) row = row[rowMoves[event.key]];
      next = row && row.children[column];
    }
    if (!next || next.tagName !== 'TD') return;
    event.preventDefault();
    cell.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });
  document.addEventListener('keydown', event => {
    if (event.key === '/' && document.activeElement !== text && !dialog.open) { event.preventDefault(); text.focus(); }
  });

  byId('legend').replaceChildren(...Object.entries(STATES).map(([s, [sign, words]]) => element('span', {}, element('b', {class: s}, sign), ' ' + words)));
  drawScores();
  follow();
}

unpack().then(start).catch(problem => {
  const broken = byId('broken');
  broken.hidden = false;
  broken.textContent = 'This page cannot show its data: ' + problem;
});
