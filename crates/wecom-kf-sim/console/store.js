// What the page knows. Whoever changes something says which topic it was; those who show the topic are told soon, once
// for many changes.

const KEPT_ROWS = 2_000;
const KEPT_READS = 20_000;
/** Changes are shown this soon, many of them at once. */
const SOON_MS = 30;
/** So many rows are in the page at most, of journal and chat each. */
export const SHOWN_ROWS = 500;

export const store = {
  info: null,
  /** Which simulator it is: another one may come to be at the same place. */
  instance: null,
  corpId: null,
  accounts: new Map(),
  customers: new Map(),
  servicers: new Map(),
  corp: null,
  token: null,
  clock: null,
  faults: [],
  callback: null,
  findings: new Map(),
  calls: 0,
  beliefs: [],
  journal: [],
  /** By msgid, the row of the first sync_msg that brought it to the bot. */
  readBy: new Map(),
  /** By external_userid: the entries by `n`, whether they were asked for, and whether they are there. */
  chats: new Map(),
  /** live, loading or stopped. */
  connection: 'loading',
};

/** What is looked at, without a corp the first; the address has it, but for whether the right pane, where it is a drawer, is open. */
export const view = { corp: null, customer: null, tab: 'journal', pane: 'people', filter: '', errors: false, mine: false, drawer: false };

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
  return there.sort((one, other) => (other.last?.at ?? 0) - (one.last?.at ?? 0) || one.name.localeCompare(other.name, 'zh'));
}

/** Those who serve an account. */
export const servicersOf = (openKfid) => [...store.servicers.values()].filter(({ open_kfids: served }) => served.includes(openKfid));

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
  if (chat.entries.size > KEPT_ROWS) chat.entries.delete(chat.entries.keys().next().value);
}

export function chatOf(id) {
  if (!store.chats.has(id)) store.chats.set(id, { entries: new Map(), loaded: false, isWhole: false });
  return store.chats.get(id);
}

/** Rows come in order; one that is there already is replaced. */
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
