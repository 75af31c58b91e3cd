// The journal: every call and callback, as it is done.

import { act, at, path, post } from './api.js';
import { look } from './address.js';
import { lightBubbles } from './chat.js';
import { button, byId, copy, fill, h, icon, keyed } from './dom.js';
import { follow } from './follow.js';
import { json } from './json.js';
import { customer, nameOf, on, SHOWN_ROWS, store, view } from './store.js';
import { clockTime, fullTime } from './time.js';
import { either, language, t } from './words.js';

let following;
let newest = 0;
const open = new Set();
const search = h('input', { type: 'search', id: 'filter', autocomplete: 'off', spellcheck: 'false', data: { focus: 'filter' } });

export function journal() {
  following = follow(byId('rows'), byId('rows-new'));
  search.addEventListener('input', () => {
    look({ filter: search.value }, false);
  });
  on('view connection', renderFilter);
  on('journal view names connection', renderRows);
}

function renderFilter() {
  const place = byId('journal-filter');
  if (search.value !== view.filter) search.value = view.filter;
  search.placeholder = t('filter');
  search.setAttribute('aria-label', t('filter.label'));
  if (!search.isConnected) place.append(h('label', { class: 'search' }, icon('search'), search), h('div', { class: 'checks' }));
  fill(place.lastChild, check('errors', t('filter.errors')), check('mine', t('filter.mine')));
}

function check(name, label) {
  const input = h('input', { type: 'checkbox', checked: view[name], data: { focus: `check-${name}` }, on: { change: () => look({ [name]: input.checked }, false) } });
  return h('label', { class: 'check' }, input, label);
}

const failed = (row) => (row.errcode !== null && row.errcode !== 0) || row.status === 0 || row.status >= 400 || row.problem !== null || !row.verdict.ok;

function concerns(row, id) {
  return row.customer === id || (row.reply?.msg_list ?? []).some((message) => (message.external_userid ?? message.event?.external_userid) === id);
}

const haystacks = new WeakMap();

function haystack(row) {
  if (!haystacks.has(row)) {
    const parts = [row.operation, row.errcode, row.path, row.method, row.fault, row.problem, row.kind, row.customer, nameOf(row.customer), ...row.findings, ...row.verdict.problems, JSON.stringify(row.request)];
    haystacks.set(row, parts.filter((part) => part !== null && part !== undefined).join(' ').toLowerCase());
  }
  return haystacks.get(row);
}

/** The row that says that there is none. */
const NOTHING = { n: 0 };

/** The newest rows that the filters let through. */
function matching() {
  const words = view.filter.toLowerCase().split(/\s+/).filter(Boolean);
  const mine = view.mine ? view.customer : null;
  const rows = store.journal.filter((row) => (!view.errors || failed(row) || row.findings.length > 0) && (!mine || concerns(row, mine)) && words.every((word) => haystack(row).includes(word)));
  return rows.slice(-SHOWN_ROWS);
}

function renderRows() {
  const list = byId('journal');
  const rows = matching();
  keyed(list, rows.length > 0 ? rows : [NOTHING], {
    key: ({ n }) => n,
    version: (row) => (row === NOTHING ? `${language}${store.journal.length > 0}${store.info?.base_url}` : `${language}${open.has(row.n)}${row.findings.join()}${row.customer ? nameOf(row.customer) : ''}`),
    make: (row) => (row === NOTHING ? nothing() : rowNode(row)),
  });
  const fresh = rows.filter(({ n }) => n > newest).length;
  newest = store.journal.at(-1)?.n ?? 0;
  following.grew(fresh);
}

function nothing() {
  const { info } = store;
  if (store.journal.length > 0) return h('li', { class: 'hint' }, t('journal.no_match'));
  return h('li', { class: 'hint' }, h('p', {}, t('journal.empty')), info ? h('p', {}, h('code', {}, info.base_url), button([icon('copy'), t('copy')], () => copy(info.base_url, t('base_url')), { class: 'quiet' })) : null);
}

function rowNode(row) {
  const isOpen = open.has(row.n);
  const outcome = row.kind === 'callback' ? (row.status || '–') : (row.errcode ?? (row.status || '–'));
  const bad = failed(row);
  return h('li', { class: `row ${row.kind} ${bad ? 'failed' : ''} ${row.findings.length > 0 ? 'found' : ''}`, data: { n: row.n } },
    button([
      h('time', { class: 'dim', title: fullTime(row.at) }, clockTime(row.at)),
      icon(row.kind === 'call' ? 'right' : 'left', 'arrow'), h('span', { class: 'sr' }, t(`kind_of_row.${row.kind}`)),
      h('span', { class: 'op' }, row.operation),
      h('span', { class: 'outcome' }, String(outcome), bad ? h('span', {}, ' ✕') : null),
      h('span', { class: 'took dim' }, `${row.took_ms} ms`),
      h('span', { class: 'about dim' }, about(row)),
      h('span', { class: 'marks' }, row.fault ? h('span', { class: 'mark fault' }, icon('bolt'), row.fault) : null, row.findings.map((name) => h('span', { class: 'mark finding' }, icon('flag'), name))),
    ], () => flip(row), { class: 'row-head', 'aria-expanded': String(isOpen), data: { focus: `row-${row.n}` } }),
    isOpen ? details(row) : null);
}

/** What it was about, in a few words. */
function about(row) {
  const request = row.request ?? {};
  const who = row.customer ? nameOf(row.customer) : '';
  const said = request.text?.content ?? request.msgmenu?.head_content ?? (request.msgtype ? `[${request.msgtype}]` : '');
  const parts = [who];
  if (row.operation === 'sync_msg' && row.reply?.errcode === 0) {
    parts.push(t('journal.messages', { count: (row.reply.msg_list ?? []).length }), row.reply.has_more ? t('journal.has_more') : '');
  } else if (row.operation === 'service_state_trans' && request.service_state !== undefined) {
    parts.push(`→ ${request.service_state} ${t(`state.${request.service_state}`)}`, request.servicer_userid ?? '');
  } else if (row.kind === 'callback') {
    parts.push(row.attempt > 1 ? t('journal.attempt', { attempt: row.attempt }) : '', row.problem ?? '');
  } else if (row.operation === 'unknown_path') {
    parts.push(`${row.method} ${row.path}`);
  } else {
    parts.push(said);
  }
  return parts.filter(Boolean).join(' · ').slice(0, 120);
}

function flip(row) {
  following.pause();
  if (open.has(row.n)) open.delete(row.n);
  else open.add(row.n);
  renderRows();
  lightBubbles(open.has(row.n) ? row : null);
  markLit(open.has(row.n) ? row.n : 0);
  document.querySelector('.row.lit')?.scrollIntoView({ block: 'nearest' });
}

function details(row) {
  const isCallback = row.kind === 'callback';
  return h('div', { class: 'details' },
    row.hint ? h('p', { class: 'remedy' }, icon('flag'), `${t('do')} ${either(row.hint)}`) : null,
    row.problem ? h('p', { class: 'bad' }, icon('warn'), row.problem) : null,
    row.fault ? h('p', { class: 'bad' }, icon('bolt'), t('journal.fault', { fault: row.fault })) : null,
    row.verdict.problems.map((problem) => h('p', { class: 'bad' }, icon('warn'), `${t('verdict')} ${problem}`)),
    findingsOf(row).map((finding) => h('div', { class: 'finding-here' }, h('p', {}, h('strong', {}, finding.name), ` ${either(finding.title)}`), h('p', {}, `${t('do')} ${either(finding.remedy)}`),
      button(t('finding.show'), () => look({ tab: 'findings' }), { class: 'quiet small' }))),
    h('p', { class: 'dim' }, h('code', {}, `${row.method} ${row.path}`), ` #${row.n} · HTTP ${row.status || '–'} · ${fullTime(row.at)}`),
    h('h3', {}, t('request')), json(row.request),
    h('h3', {}, t('reply')), json(row.reply),
    h('div', { class: 'actions' },
      button([icon('copy'), 'curl'], () => copy(curl(row), 'curl'), { class: 'quiet small', data: { focus: `curl-${row.n}` } }),
      button([icon('copy'), 'JSON'], () => copy(JSON.stringify({ request: row.request, reply: row.reply }, null, 2), 'JSON'), { class: 'quiet small', data: { focus: `json-${row.n}` } }),
      isCallback && row.operation !== 'verify_url' ? button([icon('repeat'), t('callback.repeat')], () => act(post(`callbacks/${row.n}/repeat`)), { class: 'quiet small', data: { focus: `repeat-${row.n}` } }) : null,
      row.customer && row.customer !== view.customer && store.customers.has(row.customer) ? button([icon('chat'), nameOf(row.customer)], () => look({ customer: row.customer, pane: 'chat' }), { class: 'quiet small' }) : null));
}

const findingsOf = (row) => [...store.findings.values()].filter(({ name, entries }) => row.findings.includes(name) && entries.includes(row.n));

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** The call as a command. Token and secret stay in the reader's environment. */
function curl(row) {
  const { info } = store;
  if (row.kind === 'callback') return `curl -X POST ${quoted(info.base_url + at(`callbacks/${row.n}/repeat`))} -H 'Content-Type: application/json' -d '{}'`;
  if (row.operation === 'gettoken') return `curl "$WECOM_KF_BASE_URL${row.path}?corpid=$WECOM_CORP_ID&corpsecret=$WECOM_KF_SECRET"`;
  const address = `"$WECOM_KF_BASE_URL${row.path}?access_token=$ACCESS_TOKEN"`;
  if (row.method === 'GET' || row.request === null) return `curl -X ${row.method} ${address}`;
  // A callback token is not in the journal, and sync_msg does without.
  const { token, ...request } = typeof row.request === 'object' ? row.request : {};
  const body = typeof row.request === 'string' ? row.request : JSON.stringify(request);
  return `curl ${address} -H 'Content-Type: application/json' -d ${quoted(body)}`;
}

function markLit(n) {
  for (const node of document.querySelectorAll('.row.lit')) node.classList.remove('lit');
  document.querySelector(`.row[data-n="${n}"]`)?.classList.add('lit');
}

/** Shows a row, from its bubble. */
export function lightRow(n) {
  const row = store.journal.find((row) => row.n === n);
  if (row && !matching().includes(row)) look({ filter: '', errors: false, mine: false }, false);
  look({ tab: 'journal', pane: 'journal', drawer: true }, false);
  following.pause();
  open.add(n);
  // After the panes are there.
  setTimeout(() => {
    renderRows();
    markLit(n);
    const node = document.querySelector(`.row[data-n="${n}"]`);
    node?.scrollIntoView({ block: 'nearest' });
    node?.querySelector('button')?.focus({ preventScroll: true });
    lightBubbles(row);
  }, 50);
}

/** Goes `step` rows down, or up. */
export function moveRow(step) {
  const heads = [...document.querySelectorAll('#journal .row-head')];
  if (heads.length === 0) return;
  const at = heads.indexOf(document.activeElement);
  const next = at < 0 ? heads.length - 1 : Math.min(Math.max(at + step, 0), heads.length - 1);
  following.pause();
  heads[next].focus();
  heads[next].scrollIntoView({ block: 'nearest' });
}

export function focusFilter() {
  search.focus();
  search.select();
}
