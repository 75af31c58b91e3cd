// The journal: what the bot did, turn by turn, and the search in all of it.

import { look } from './address.js';
import { act, getRows } from './api.js';
import { happened } from './bubbles.js';
import { lightBubbles } from './chat.js';
import { button, byId, copy, fill, h, keyed } from './dom.js';
import { follow } from './follow.js';
import { icon } from './icons.js';
import { loadOlderRows } from './live.js';
import { itemNode, keyOf } from './rows.js';
import { nameOf, on, PAGE, store, view } from './store.js';
import { clockTime, fullTime } from './time.js';
import { customerOf, itemsOf, turnsOf } from './turns.js';
import { language, t } from './words.js';

/** A search starts this long after the last key, and looks for new rows no more often, in milliseconds. */
const SEARCH_MS = 150;

let following;
let newest = 0;
/** How many rows are shown. */
let shown = PAGE;
/** The keys of the items that are open. */
const open = new Set();
const search = h('input', {
  type: 'search',
  id: 'filter',
  autocomplete: 'off',
  spellcheck: 'false',
  data: { focus: 'filter' },
});

export function journal() {
  following = follow(byId('rows'), byId('rows-new'));
  search.addEventListener('input', () => look({ filter: search.value }, false));
  on('view connection', renderFilter);
  on('view journal connection', searchSoon);
  on('journal view names connection', renderRows);
}

function renderFilter() {
  const place = byId('journal-filter');
  if (search.value !== view.filter) search.value = view.filter;
  search.placeholder = t('filter');
  search.setAttribute('aria-label', t('filter.label'));
  if (!search.isConnected)
    place.append(h('label', { class: 'search' }, icon('search'), search), h('div', { class: 'checks' }));
  fill(place.lastChild, check('errors', t('filter.errors')), check('mine', t('filter.mine')));
}

function check(name, label) {
  const input = h('input', {
    type: 'checkbox',
    checked: view[name],
    data: { focus: `check-${name}` },
    on: { change: () => look({ [name]: input.checked }, false) },
  });
  return h('label', { class: 'check' }, input, label);
}

/**
 * What the simulator found for the filters; null while there are none.
 * @type {{ query: string, rows: import('./store.js').Row[], count: number, last: number } | null}
 */
let results = null;
let timer = 0;
let isSearching = false;

/** The filters as the control API takes them; empty without one. */
function queryOf() {
  const query = new URLSearchParams();
  if (view.filter.trim() !== '') query.set('q', view.filter);
  if (view.errors) query.set('trouble', 'true');
  if (view.mine && view.customer !== null) query.set('involves', view.customer);
  return query.toString();
}

function searchSoon() {
  const query = queryOf();
  if (query === '') {
    results = null;
    return;
  }
  const isNew = results?.query !== query;
  if (!isNew && results.last >= (store.journal.at(-1)?.n ?? 0)) return;
  clearTimeout(timer);
  timer = setTimeout(find, SEARCH_MS);
}

/** Searches in the whole journal; of a search that was done already only in what is new. */
async function find() {
  if (isSearching) return;
  isSearching = true;
  const query = queryOf();
  const before = results?.query === query ? results : null;
  try {
    const { entries, found, last } = await getRows(`${query}&limit=${PAGE}${before ? `&after=${before.last}` : ''}`);
    results = { query, rows: [...(before?.rows ?? []), ...entries], count: (before?.count ?? 0) + found, last };
    renderRows();
  } catch {
    // The next change of the journal or the connection tries again.
  }
  isSearching = false;
  searchSoon();
}

async function findOlder() {
  const { query, rows } = results;
  const reply = await act(getRows(`${query}&limit=${PAGE}&before=${rows[0].n}`));
  if (!reply || results?.query !== query) return;
  results = { ...results, rows: [...reply.entries, ...results.rows] };
  renderRows();
}

async function showOlder() {
  shown += PAGE;
  if (shown > store.journal.length && store.hasOlderRows) await act(loadOlderRows());
  renderRows();
}

/**
 * The turns of rows. Rows that were found stand in their turn, whose other rows give it its heading if they are in the page.
 * @param {import('./store.js').Row[]} rows
 * @param {boolean} isFiltered
 */
function turnsWith(rows, isFiltered) {
  if (!isFiltered) return turnsOf(rows);
  const found = new Set(rows.map(({ n }) => n));
  const all = new Map([...rows, ...store.journal].map((row) => [row.n, row]));
  const turns = turnsOf([...all.values()]);
  return turns
    .map((turn) => ({ ...turn, rows: turn.rows.filter(({ n }) => found.has(n)) }))
    .filter((turn) => turn.rows.length > 0);
}

function renderRows() {
  const isFiltered = queryOf() !== '';
  // What was found before stands until the new search is done.
  if (isFiltered && results === null) return;
  const rows = isFiltered ? results.rows : store.journal.slice(-shown);
  const parts = turnsWith(rows, isFiltered).map(turnPart);
  const hasOlder = isFiltered ? results.count > rows.length : store.hasOlderRows || store.journal.length > rows.length;
  if (hasOlder) parts.unshift(olderPart(isFiltered ? findOlder : showOlder));
  byId('journal-found').textContent = isFiltered && rows.length > 0 ? t('journal.found', { count: results.count }) : '';
  if (rows.length === 0)
    parts.push({ key: 'nothing', version: `${store.journal.length > 0}${store.info?.base_url}`, make: nothing });
  keyed(byId('journal'), parts, {
    key: ({ key }) => key,
    version: ({ version }) => language + version,
    make: ({ make }) => make(),
  });
  const fresh = rows.filter(({ n }) => n > newest).length;
  newest = store.journal.at(-1)?.n ?? 0;
  following.grew(fresh);
  if (lit !== 0) setTimeout(showLit);
}

const olderPart = (load) => ({
  key: 'older',
  version: '',
  make: () =>
    h(
      'li',
      { class: 'older' },
      button([icon('up'), t('journal.older')], load, { class: 'small', data: { focus: 'older-rows' } }),
    ),
});

const OPTIONS = { isOpen: (key) => open.has(key), flip };

function turnPart(turn) {
  const items = itemsOf(turn.rows);
  return {
    key: `turn-${turn.key}`,
    version: titleOf(turn) + items.map(versionOf).join(),
    make: () => turnNode(turn, items),
  };
}

function versionOf(item) {
  const names = item.rows.map(
    (row) => `${row.n}${open.has(`row-${row.n}`)}${row.findings.join()}${row.customer ? nameOf(row.customer) : ''}`,
  );
  return `${keyOf(item)}${open.has(keyOf(item))}${names.join()}`;
}

function turnNode(turn, items) {
  const [first] = turn.rows;
  return h(
    'li',
    { class: `turn ${turn.kind}` },
    h(
      'div',
      { class: 'turn-head' },
      h('time', { class: 'dim', title: fullTime(first.at) }, clockTime(first.at)),
      h('h2', {}, titleOf(turn)),
    ),
    h(
      'ol',
      {},
      items.map((item) => itemNode(item, OPTIONS)),
    ),
  );
}

/** What set the bot going, in the customer's words if there are any. */
function titleOf(turn) {
  const said = turn.messages.filter(({ origin }) => origin !== 5);
  const messages = said.length > 0 ? said : turn.messages;
  if (messages.length > 0) {
    const rest = messages.length - 1;
    return wordsOf(messages[0]) + (rest > 0 ? ` ${t('turn.more', { count: rest })}` : '');
  }
  if (turn.kind === 'idle') return t('turn.idle');
  const [{ kind, operation }] = turn.rows;
  if (kind !== 'callback') {
    const customers = new Set(turn.rows.map(({ customer }) => customer));
    const [customer] = customers;
    return customer !== null && customers.size === 1 ? t('turn.about', { name: nameOf(customer) }) : t('turn.other');
  }
  return t(
    operation === 'verify_url'
      ? 'turn.verify'
      : operation === 'kf_account_auth_change'
        ? 'turn.accounts'
        : 'turn.unread',
  );
}

function wordsOf(message) {
  const id = customerOf(message);
  const name = id === null ? '' : nameOf(id);
  if (message.msgtype === 'event') {
    const event = message.event?.event_type;
    return event === 'enter_session'
      ? happened({ body: { event: 'entered', scene: message.event.scene } }, { name })
      : t('turn.says', { name, text: wordOr(`event.${event}`, String(event)) });
  }
  return t('turn.says', {
    name,
    text: String(
      message.text?.content ?? t('turn.kind', { kind: wordOr(`kind.${message.msgtype}`, message.msgtype) }),
    ).slice(0, 80),
  });
}

/** A text that may be missing: WeCom may add kinds and events. */
function wordOr(key, otherwise) {
  const word = t(key);
  return word === key ? otherwise : word;
}

function nothing() {
  const { info } = store;
  if (store.journal.length > 0) return h('li', { class: 'hint' }, t('journal.no_match'));
  return h(
    'li',
    { class: 'hint' },
    h('p', {}, t('journal.empty')),
    info
      ? h(
          'p',
          {},
          h('code', {}, info.base_url),
          button([icon('copy'), t('copy')], () => copy(info.base_url, t('base_url')), { class: 'quiet' }),
        )
      : null,
  );
}

function flip(item) {
  following.pause();
  const key = keyOf(item);
  const opens = !open.has(key);
  if (opens) open.add(key);
  else open.delete(key);
  renderRows();
  if (item.kind === 'fold') return;
  lightBubbles(opens ? item.rows : []);
  markLit(opens ? item.key : 0);
  document.querySelector('.row.lit')?.scrollIntoView({ block: 'nearest' });
}

function markLit(n) {
  for (const node of document.querySelectorAll('.row.lit')) node.classList.remove('lit');
  // The innermost: a row that is folded stands in another one.
  const rows = document.querySelectorAll(`.row[data-n="${n}"]`);
  rows[rows.length - 1]?.classList.add('lit');
}

/** Shows a row, from its bubble. One that is not in the page is searched for. */
export function lightRow(n) {
  const isHere = store.journal.slice(-shown).some((row) => row.n === n);
  look({ tab: 'journal', pane: 'journal', filter: isHere ? '' : `#${n}`, errors: false, mine: false }, false);
  following.pause();
  lit = n;
  // After the panes are there.
  setTimeout(showLit, 50);
}

/** The row that is to be shown as soon as it is there. */
let lit = 0;

function showLit() {
  if (lit === 0) return;
  const isFiltered = queryOf() !== '';
  const rows = isFiltered ? (results?.rows ?? []) : store.journal.slice(-shown);
  const row = rows.find((row) => row.n === lit);
  if (!row) return;
  const items = turnsWith(rows, isFiltered).flatMap((turn) => itemsOf(turn.rows));
  const item = items.find((item) => item.rows.includes(row));
  if (item?.kind === 'fold') open.add(keyOf(item));
  const key = item?.kind === 'delivery' ? item.key : lit;
  lit = 0;
  open.add(`row-${key}`);
  renderRows();
  markLit(key);
  const node = document.querySelector('.row.lit');
  node?.scrollIntoView({ block: 'nearest' });
  node?.querySelector('button')?.focus({ preventScroll: true });
  lightBubbles([row]);
}

/** Goes `step` rows down, or up. */
export function moveRow(step) {
  const heads = /** @type {HTMLElement[]} */ ([...document.querySelectorAll('#journal .row-head')]);
  if (heads.length === 0) return;
  const at = heads.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  const next = at < 0 ? heads.length - 1 : Math.min(Math.max(at + step, 0), heads.length - 1);
  following.pause();
  heads[next].focus();
  heads[next].scrollIntoView({ block: 'nearest' });
}

export function focusFilter() {
  search.focus();
  search.select();
}
