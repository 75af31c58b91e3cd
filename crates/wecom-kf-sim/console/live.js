// The snapshot, and the events that change it afterwards. They are numbered: after a break this connects again and
// continues where it was. If that is not possible, it loads the snapshot again.

import { look } from './address.js';
import { at, get, getRows, isNotFound, path } from './api.js';
import { toast } from './dom.js';
import { addEntry, addRow, changed, chatOf, everything, PAGE, setClock, store, view } from './store.js';
import { join, passOn, readOrWait, tellState } from './stream.js';
import { either, t } from './words.js';

/** Milliseconds until the next try, the first and the longest. */
const PATIENCE = { first: 500, longest: 4_000 };

let stream = null;
let last = 0;
let wait = PATIENCE.first;
let isLoaded = false;
/** What came before the snapshot was there. */
let early = [];
/** Whether this tab is one that reads the stream. */
let reads = false;

/** Loads everything and follows it, until the page is gone. */
export async function live() {
  const name = `wecom-kf-sim ${view.corp ?? ''}`;
  const reader = {
    read,
    event: take,
    state: heardState,
    own: () => ({ connection: store.connection, instance: store.instance }),
  };
  join(name, reader);
  await loadUntilDone();
  readOrWait(name, reader);
}

function read() {
  reads = true;
  listen();
}

/** The tab that reads says how it is. */
function heardState({ connection, instance }) {
  if (reads || !isLoaded) return;
  if (instance !== null && instance !== store.instance) loadUntilDone();
  else connected(connection);
}

/** Takes an event, of this tab's stream or of the other's. */
function take(event) {
  if (!isLoaded) return early.push(event);
  const { number, kind, data, instance } = event;
  if (instance !== store.instance) return loadUntilDone();
  if (number <= last) return;
  const isMissing = kind === 'gap' || number !== last + 1;
  last = number;
  if (isMissing) return loadUntilDone();
  TAKERS[kind]?.(JSON.parse(data));
}

let loading = null;

/** Loads the snapshot, however long the simulator is away. Whoever asks meanwhile waits for the same. */
function loadUntilDone() {
  isLoaded = false;
  loading ??= loadAgainAndAgain().finally(() => {
    loading = null;
  });
  return loading;
}

async function loadAgainAndAgain() {
  for (;;) {
    try {
      await load();
      break;
    } catch (error) {
      connected('stopped');
      if (view.corp !== null && isNotFound(error)) leaveCorp();
      await pause();
    }
  }
  isLoaded = true;
  const events = early;
  early = [];
  if (store.connection === 'stopped' && !reads) connected('live');
  for (const event of events) if (event.instance === store.instance && event.number > last) take(event);
}

async function pause() {
  await new Promise((resolve) => setTimeout(resolve, wait));
  wait = Math.min(wait * 2, PATIENCE.longest);
}

async function load() {
  const [info, state, { assumptions }, { entries, found }] = await Promise.all([
    get('info'),
    get('state'),
    get('assumptions'),
    getRows(`limit=${PAGE}`),
  ]);
  last = state.event;
  store.info = info;
  store.instance = state.instance;
  store.corpId = state.corp_id;
  store.accounts = new Map(state.accounts.map((account) => [account.open_kfid, account]));
  store.customers = new Map(state.customers.map((customer) => [customer.external_userid, customer]));
  store.servicers = new Map(state.servicers.map((servicer) => [servicer.userid, servicer]));
  store.findings = new Map(state.findings.map((finding) => [finding.id, finding]));
  Object.assign(store, {
    corp: state.corp,
    token: state.token,
    faults: state.faults,
    callback: state.callback,
    calls: state.calls,
    assumptions,
  });
  setClock(state.clock);
  store.journal = [];
  store.hasOlderRows = found > entries.length;
  store.readBy = new Map();
  entries.forEach(addRow);
  store.chats = new Map();
  if (!store.customers.has(view.customer)) view.customer = null;
  everything();
}

/** Loads the end of a customer's chat, once. What the stream brought meanwhile is newer. */
export async function loadChat(id) {
  const chat = chatOf(id);
  if (chat.loaded) return;
  chat.loaded = true;
  try {
    await loadPage(id, chat, '');
    chat.isWhole = true;
    changed('chat');
  } catch {
    // The next change tries again, such as that of the connection.
    chat.loaded = false;
  }
}

/** Loads what was said before. */
export async function loadEarlier(id) {
  const chat = chatOf(id);
  if (!chat.isWhole || !chat.hasOlder || chat.isLoading) return;
  chat.isLoading = true;
  const [first] = chat.entries.keys();
  try {
    await loadPage(id, chat, `&before=${first}`);
    chat.shown += PAGE;
    changed('chat');
  } finally {
    chat.isLoading = false;
  }
}

async function loadPage(id, chat, more) {
  const { entries, older } = await get(`${path('customers', id, 'chat')}?limit=${PAGE}${more}`);
  const known = new Map([...entries, ...chat.entries.values()].map((entry) => [entry.n, entry]));
  chat.entries = new Map([...known].sort(([one], [other]) => one - other));
  chat.hasOlder = older;
}

/** The whole chat, whatever part of it is in the page. */
export async function wholeChat(id) {
  const { entries } = await get(path('customers', id, 'chat'));
  return entries;
}

/** Loads rows of the journal that are older than those in the page. */
export async function loadOlderRows() {
  const { entries, found } = await getRows(`limit=${PAGE}&before=${store.journal[0]?.n ?? 0}`);
  store.journal.unshift(...entries);
  store.hasOlderRows = found > entries.length;
  changed('journal');
}

function listen() {
  stream?.close();
  stream = new EventSource(at(`events?after=${last}`));
  const { instance } = store;
  stream.onopen = () => {
    wait = PATIENCE.first;
    connected('live');
  };
  // The browser would try by itself, but not after every kind of failure, and it could not tell another simulator.
  stream.onerror = () => {
    stream.close();
    broken();
  };
  for (const kind of [...Object.keys(TAKERS), 'gap']) {
    stream.addEventListener(kind, ({ lastEventId, data }) => {
      const event = { number: Number(lastEventId), kind, data, instance };
      passOn(event);
      take(event);
    });
  }
}

function connected(connection) {
  store.connection = connection;
  changed('connection');
  tellState({ connection, instance: store.instance });
}

async function broken() {
  connected('stopped');
  await pause();
  try {
    const state = await get('state');
    // Another simulator at the same place has other numbers.
    if (state.instance !== store.instance) await loadUntilDone();
    listen();
  } catch (error) {
    if (view.corp !== null && isNotFound(error)) leaveCorp();
    await broken();
  }
}

/** The corp of the address is none of this simulator's: the first is. */
function leaveCorp() {
  toast(t('corp.gone', { corp: view.corp }), 'refused');
  look({ corp: null, customer: null }, false);
}

const TAKERS = {
  account(account) {
    store.accounts.set(account.open_kfid, account);
    changed('people', 'head', 'names');
  },
  customer(customer) {
    const before = store.customers.get(customer.external_userid);
    store.customers.set(customer.external_userid, customer);
    changed('people');
    if (customer.external_userid === view.customer) changed('head');
    if (before?.name !== customer.name) changed('names');
  },
  chat(entry) {
    addEntry(entry);
    changed('chat');
  },
  servicer(servicer) {
    store.servicers.set(servicer.userid, servicer);
    changed('people', 'head');
  },
  corp(corp) {
    store.corp = corp;
  },
  token(token) {
    store.token = token;
    changed('token');
  },
  clock(clock) {
    setClock(clock);
    changed('clock');
  },
  faults({ faults }) {
    store.faults = faults;
    changed('faults');
  },
  callback(callback) {
    store.callback = callback;
    changed('callback');
  },
  journal(entry) {
    if (entry.kind === 'call' && entry.n > (store.journal.at(-1)?.n ?? 0)) store.calls += 1;
    addRow(entry);
    changed('journal');
    if (entry.operation === 'sync_msg') changed('chat');
  },
  finding(finding) {
    if (!store.findings.has(finding.id))
      toast(t('finding.new', { name: finding.name, title: either(finding.title) }), 'found');
    store.findings.set(finding.id, finding);
    changed('findings');
  },
  assumption(assumption) {
    store.assumptions = store.assumptions.map((other) => (other.id === assumption.id ? assumption : other));
    changed('assumptions');
  },
};
