// What the page knows. Whoever changes something says which topic it was; those who show the topic are told soon, once
// for many changes.

/** As many as the simulator keeps. */
const KEPT_ROWS = 10_000;
const KEPT_READS = 20_000;
/** Changes are shown this soon, many of them at once. */
const SOON_MS = 30;
/** This many rows are loaded at once, of journal and chat each, and shown until somebody asks for earlier ones. */
export const PAGE = 500;

/**
 * @typedef {object} Row A row of the journal: `Entry` of the control API.
 * @property {number} n
 * @property {number} begun
 * @property {'call' | 'callback'} kind
 * @property {number} at
 * @property {number} took_ms
 * @property {string} operation
 * @property {string} method
 * @property {string} path
 * @property {number} status
 * @property {number | null} errcode
 * @property {any} request
 * @property {any} reply
 * @property {{ ok: boolean, problems: string[] }} verdict
 * @property {string | null} fault
 * @property {number | null} attempt
 * @property {{ code: string, en: string, zh: string } | null} problem Why a callback failed.
 * @property {string | null} open_kfid
 * @property {string | null} customer
 * @property {string[]} findings
 * @property {{ en: string, zh: string } | null} hint
 */

/**
 * @typedef {object} ChatPage What the page has of a chat.
 * @property {Map<number, any>} entries By `n`, in order.
 * @property {boolean} loaded It was asked for.
 * @property {boolean} isWhole Its end is there.
 * @property {boolean} hasOlder The simulator has earlier entries.
 * @property {boolean} isLoading
 * @property {number} shown How many entries are shown.
 */

export const store = {
  /** @type {any} */
  info: null,
  /** Which simulator it is: another one may come to be at the same place. */
  /** @type {string | null} */
  instance: null,
  /** @type {string | null} */
  corpId: null,
  accounts: new Map(),
  customers: new Map(),
  servicers: new Map(),
  /** @type {any} */
  corp: null,
  /** @type {any} */
  token: null,
  /** @type {any} */
  clock: null,
  /** @type {any[]} */
  faults: [],
  /** @type {any} */
  callback: null,
  findings: new Map(),
  calls: 0,
  /** @type {any[]} */
  assumptions: [],
  /** @type {Row[]} */
  journal: [],
  /** The simulator has rows from before the first of these. */
  hasOlderRows: false,
  /** By msgid, the row of the first sync_msg that brought it to the bot. */
  readBy: new Map(),
  /** By external_userid. @type {Map<string, ChatPage>} */
  chats: new Map(),
  /** @type {'live' | 'loading' | 'stopped'} */
  connection: 'loading',
};

/** What is looked at: without a corp the first. The address has all of it. */
export const view = {
  /** @type {string | null} */
  corp: null,
  /** @type {string | null} */
  customer: null,
  tab: 'journal',
  pane: 'people',
  filter: '',
  errors: false,
  mine: false,
};

const listeners = new Map();
let dirty = new Set();
/** Milliseconds that the last showing took: a slow machine shows less often. */
let cost = 0;

export function on(topics, listener) {
  for (const topic of topics.split(' ')) {
    if (!listeners.has(topic)) listeners.set(topic, new Set());
    listeners.get(topic).add(listener);
  }
}

export function changed(...topics) {
  // Not an animation frame: those stand still in a tab behind, whose icon is to show what is unread.
  if (dirty.size === 0) setTimeout(tell, Math.max(SOON_MS, 2 * cost));
  for (const topic of topics) dirty.add(topic);
}

function tell() {
  const topics = dirty;
  dirty = new Set();
  const concerned = new Set();
  for (const topic of topics) for (const listener of listeners.get(topic) ?? []) concerned.add(listener);
  const start = performance.now();
  for (const listener of concerned) listener();
  cost = performance.now() - start;
}

export function everything() {
  changed(...listeners.keys());
}

export const customer = () => store.customers.get(view.customer) ?? null;
/** The customers of an account, as they are listed: who spoke last comes first. */
export function customersOf(openKfid) {
  const there = [...store.customers.values()].filter(({ open_kfid }) => open_kfid === openKfid);
  return there.sort(
    (one, other) => (other.last?.at ?? 0) - (one.last?.at ?? 0) || one.name.localeCompare(other.name, 'zh'),
  );
}

/** Those who serve an account. */
export const servicersOf = (openKfid) =>
  [...store.servicers.values()].filter(({ open_kfids: served }) => served.includes(openKfid));

export const nameOf = (id) => store.customers.get(id)?.name ?? id;
export const unread = () => [...store.customers.values()].reduce((sum, { unread }) => sum + unread, 0);

/** The simulator's time in Unix seconds; between what it tells, ours goes on if its does. */
export function now() {
  const { clock } = store;
  if (!clock) return 0;
  return clock.manual ? clock.now : clock.now + (performance.now() - clock.heard) / 1_000;
}

export function setClock(clock) {
  store.clock = { ...clock, heard: performance.now() };
}

/** An entry of a chat that somebody looked at; the others are loaded when somebody does. */
export function addEntry(entry) {
  const chat = store.chats.get(entry.external_userid);
  if (!chat?.loaded) return;
  chat.entries.set(entry.n, entry);
  if (chat.entries.size <= KEPT_ROWS) return;
  chat.entries.delete(chat.entries.keys().next().value);
  chat.hasOlder = true;
}

export function chatOf(id) {
  if (!store.chats.has(id))
    store.chats.set(id, {
      entries: new Map(),
      loaded: false,
      isWhole: false,
      hasOlder: false,
      isLoading: false,
      shown: PAGE,
    });
  return store.chats.get(id);
}

/** Rows come in order; one that is there already is replaced. @param {Row} entry */
export function addRow(entry) {
  const rows = store.journal;
  const last = rows.at(-1);
  if (!last || entry.n > last.n) {
    rows.push(entry);
  } else {
    const place = rows.findIndex(({ n }) => n >= entry.n);
    rows.splice(place, rows[place].n === entry.n ? 1 : 0, entry);
  }
  if (rows.length > KEPT_ROWS) rows.splice(0, rows.length - KEPT_ROWS);
  for (const { msgid } of entry.reply?.msg_list ?? []) if (!store.readBy.has(msgid)) store.readBy.set(msgid, entry.n);
  // The oldest first.
  for (const msgid of store.readBy.keys()) {
    if (store.readBy.size <= KEPT_READS) break;
    store.readBy.delete(msgid);
  }
}
