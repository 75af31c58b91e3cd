// The snapshot, and the stream of what changes after it: one stream per tab, numbered. After a break it goes on where it
// was; where that is not possible, the snapshot is loaded anew.

import { look } from './address.js';
import { at, get, isNotFound, path } from './api.js';
import { toast } from './dom.js';
import { addEntry, addRow, changed, chatOf, everything, setClock, SHOWN_ROWS, store, view } from './store.js';
import { either, t } from './words.js';

/** Milliseconds until the next try, the first and the longest. */
const PATIENCE = { first: 500, longest: 4_000 };

let stream = null;
let last = 0;
let wait = PATIENCE.first;

/** Loads everything and follows it, until the page is gone. */
export async function live() {
  try {
    await load();
    listen();
  } catch {
    await broken();
  }
}

async function load() {
  const [info, state, { beliefs }, { entries }] = await Promise.all([get('info'), get('state'), get('beliefs'), get(`journal?limit=${SHOWN_ROWS}`)]);
  last = state.event;
  store.info = info;
  store.instance = state.instance;
  store.corpId = state.corp_id;
  store.accounts = new Map(state.accounts.map((account) => [account.open_kfid, account]));
  store.customers = new Map(state.customers.map((customer) => [customer.external_userid, customer]));
  store.servicers = new Map(state.servicers.map((servicer) => [servicer.userid, servicer]));
  store.findings = new Map(state.findings.map((finding) => [finding.id, finding]));
  Object.assign(store, { corp: state.corp, token: state.token, faults: state.faults, callback: state.callback, calls: state.calls, beliefs });
  setClock(state.clock);
  store.journal = [];
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
    const end = store.customers.get(id)?.chat_end ?? 0;
    const { entries } = await get(`${path('customers', id, 'chat')}?after=${Math.max(0, end - SHOWN_ROWS)}`);
    const newer = chat.entries;
    chat.entries = new Map([...entries, ...newer.values()].map((entry) => [entry.n, entry]));
    chat.isWhole = true;
    changed('chat');
  } catch {
    // The next change tries again, such as that of the connection.
    chat.loaded = false;
  }
}

function listen() {
  stream = new EventSource(at(`events?after=${last}`));
  stream.onopen = () => {
    wait = PATIENCE.first;
    connected('live');
  };
  // The browser would try by itself, but not after every kind of failure, and it could not tell another simulator.
  stream.onerror = () => {
    stream.close();
    broken();
  };
  for (const [kind, take] of Object.entries(TAKERS)) {
    stream.addEventListener(kind, (event) => {
      last = Math.max(last, Number(event.lastEventId));
      take(JSON.parse(event.data));
    });
  }
}

function connected(connection) {
  store.connection = connection;
  changed('connection');
}

async function broken() {
  connected('stopped');
  await new Promise((resolve) => setTimeout(resolve, wait));
  wait = Math.min(wait * 2, PATIENCE.longest);
  try {
    const state = await get('state');
    // Another simulator at the same place has other numbers.
    if (state.instance !== store.instance) await load();
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

async function reload() {
  stream.close();
  await live();
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
    if (!store.findings.has(finding.id)) toast(t('finding.new', { name: finding.name, title: either(finding.title) }), 'refused');
    store.findings.set(finding.id, finding);
    changed('findings');
  },
  belief(belief) {
    store.beliefs = store.beliefs.map((other) => (other.id === belief.id ? belief : other));
    changed('beliefs');
  },
  gap: reload,
};
