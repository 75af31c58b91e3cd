// The middle pane: the customer's phone, and who has the session.

import { act, path, post } from './api.js';
import { look } from './address.js';
import { codeLeft, content, happened, offerOf } from './bubbles.js';
import { button, byId, chip, copy, copyButton, fill, h, icon, keyed, unkey } from './dom.js';
import { askToEnter } from './enter.js';
import { follow } from './follow.js';
import { lightRow } from './journal.js';
import { loadChat } from './live.js';
import { addCustomer, avatar, profile } from './people.js';
import { chatOf, customer, now, on, SHOWN_ROWS, store, view } from './store.js';
import { fullTime, left, shortTime } from './time.js';
import { testOf } from './test_code.js';
import { language, t } from './words.js';

let following;
/** The customer whose chat is in the page, and how many of its entries were seen. */
let shown = { customer: undefined, end: 0 };

export function chat() {
  following = follow(byId('log'), byId('log-new'));
  on('head view clock token connection', renderHead);
  on('chat head view names token connection', renderLog);
  byId('log').addEventListener('scroll', markRead, { passive: true });
  setInterval(tick, 1_000);
  document.addEventListener('visibilitychange', markRead);
}

function renderHead() {
  const person = customer();
  const head = byId('chat-head');
  if (!person) return fill(head);
  const account = store.accounts.get(person.open_kfid);
  fill(head,
    h('div', { class: 'who' },
      button(icon('left'), () => look({ pane: 'people' }), { class: 'quiet back', label: t('back'), data: { focus: 'back' } }),
      avatar(person.name, person.external_userid),
      h('div', { class: 'names' },
        h('h2', {}, person.name, h('span', { class: 'dim at' }, ` ${t('at')} ${account?.name ?? ''}`)),
        h('span', { class: 'id' }, h('code', { class: 'dim', title: person.external_userid }, person.external_userid), copyButton(person.external_userid, 'external_userid'))),
      h('div', { class: 'acts' },
        button([icon('enter'), h('span', {}, t('enter'))], () => askToEnter(person), { class: 'quiet', title: t('enter.intro'), data: { focus: 'enter' } }),
        button(icon('pencil'), () => profile(person), { class: 'quiet', label: t('profile'), data: { focus: 'profile' } }),
        button([icon('code'), h('span', {}, t('copy_test'))], () => copyTest(person), { class: 'quiet', title: t('copy_test.title'), data: { focus: 'copy-test' } }))),
    h('div', { class: 'meters', id: 'meters' }, meters(person)));
}

function meters(person) {
  const { session } = person;
  const windowLeft = session.window_until === null ? 0 : session.window_until - now();
  const open = windowLeft > 0;
  return [
    chip(session),
    h('span', { class: `meter ${session.sent >= session.sent_max ? 'full' : ''}`, title: t('sent.title') },
      h('span', { class: 'pips', 'aria-hidden': 'true' }, Array.from({ length: session.sent_max }, (_, place) => h('span', { class: place < session.sent ? 'pip on' : 'pip' }))),
      t('sent', { sent: session.sent, max: session.sent_max })),
    h('span', { class: `meter ${open ? '' : 'full'}`, title: t('window.title') }, icon('clock'), session.window_until === null ? t('window.never') : open ? t('window.left', { left: left(windowLeft) }) : t('window.closed')),
    session.rejecting ? h('span', { class: 'meter full' }, t('rejecting')) : null,
    person.upgrade_offer?.accepted ? h('span', { class: 'meter' }, icon('check'), t('offer.taken', { offer: offerOf(person.upgrade_offer) })) : null,
    session.codes.filter(({ until }) => until >= now()).map((code) => h('span', { class: 'meter code', title: `code ${code.code}…` }, icon('key'), codeLeft(code, code.until - now()))),
  ];
}

function tick() {
  const [person, place] = [customer(), byId('meters')];
  if (person && place && !document.hidden && !store.clock.manual) fill(place, meters(person));
}

function renderLog() {
  const person = customer();
  const entries = byId('entries');
  const isOther = shown.customer !== person?.external_userid;
  if (isOther) {
    unkey(entries);
    shown = { customer: person?.external_userid, end: 0 };
  }
  byId('log').classList.toggle('bare', !person);
  if (!person) return renderNobody(entries);
  const { loaded, isWhole } = chatOf(person.external_userid);
  if (!loaded) loadChat(person.external_userid);
  // A message that was taken back says so in its place.
  const list = entriesOf(person).filter(({ body }) => body?.event !== 'recalled').slice(-SHOWN_ROWS);
  // A whole chat at once is nothing to read out.
  byId('log').setAttribute('aria-busy', String(shown.end === 0));
  keyed(entries, rowsWithTimes(list, isWhole), {
    key: (row) => row.key,
    version: (row) => `${language}${row.time ?? ''}${identity(row.entry)}${person.name}${row.entry && store.readBy.has(row.entry.msgid)}`,
    make: (row) => rowNode(row, person),
  });
  const end = list.at(-1)?.n ?? 0;
  const fresh = list.filter(({ n }) => n > shown.end).length;
  if (isOther || shown.end === 0) following.restart();
  else following.grew(fresh);
  shown.end = end;
  byId('log').setAttribute('aria-busy', 'false');
  markRead();
}

const identities = new WeakMap();
let identified = 0;

/** The same number for the same entry; one that changed is another. */
function identity(entry) {
  if (!entry) return '';
  if (!identities.has(entry)) identities.set(entry, (identified += 1));
  return identities.get(entry);
}

const entriesOf = (person) => [...chatOf(person.external_userid).entries.values()].sort((one, other) => one.n - other.n);

/** Five minutes of silence get a line with the time, as on the phone. */
function rowsWithTimes(list, isWhole) {
  if (list.length === 0) return [{ key: isWhole ? 'chat.empty' : 'live.loading' }];
  const rows = [];
  let before = 0;
  for (const entry of list) {
    if (entry.at - before > 300) rows.push({ key: `t${entry.n}`, time: shortTime(entry.at, now()) });
    before = entry.at;
    rows.push({ key: `n${entry.n}`, entry });
  }
  return rows;
}

function rowNode({ key, entry, time }, person) {
  if (entry) return entryNode(entry, person);
  return time ? h('li', { class: 'day' }, h('time', {}, time)) : h('li', { class: 'hint' }, t(key));
}

function entryNode(entry, person) {
  if (entry.from === 'note') return h('li', { class: 'note', data: { n: entry.n } }, h('span', { title: fullTime(entry.at) }, happened(entry, person)));
  const isOwn = entry.from === 'customer';
  const account = store.accounts.get(person.open_kfid);
  const author = { customer: person.name, bot: account?.name ?? '', servicer: entry.servicer_userid ?? '' }[entry.from];
  if (entry.recalled) {
    return h('li', { class: 'note', data: { n: entry.n } }, h('span', { title: fullTime(entry.at) }, t(entry.from === 'bot' ? 'gone' : 'recalled', { name: author })));
  }
  const isMenu = entry.msgtype === 'msgmenu';
  const isCard = !['text', 'msgmenu', 'image'].includes(entry.msgtype);
  const tapped = entry.msgtype === 'text' && entry.body?.menu_id;
  return h('li', { class: `entry ${entry.from} ${isMenu ? 'wide' : ''}`, data: { n: entry.n, msgid: entry.msgid ?? '' } },
    entry.from === 'bot' ? h('span', { class: 'avatar bot', 'aria-hidden': 'true' }, icon('bot')) : avatar(author, isOwn ? person.external_userid : author),
    h('div', { class: 'body' },
      h('p', { class: 'author dim' }, h('span', { class: isOwn ? 'sr' : '' }, author), entry.from === 'bot' ? h('span', { class: 'tag' }, t('from.bot')) : null, entry.from === 'servicer' ? h('span', { class: 'tag' }, t('from.servicer')) : null),
      h('div', { class: `bubble ${isCard ? 'bare' : ''} ${entry.msgtype}` }, content(entry, person)),
      h('p', { class: 'meta dim' },
        h('time', { title: fullTime(entry.at) }, shortTime(entry.at, entry.at)),
        tapped ? h('span', {}, t('tapped', { id: entry.body.menu_id })) : null,
        entry.via === 'send_msg_on_event' ? h('span', { class: 'ok' }, icon('check'), 'on_event') : null,
        rowLink(entry), recallButton(entry, person))));
}

/** To the journal's row: of the bot's messages the call that sent it, of the others the one that read it. */
function rowLink(entry) {
  const row = entry.call ?? store.readBy.get(entry.msgid);
  if (!row) return entry.from === 'bot' ? null : h('span', {}, t('not_read'));
  return button([h('span', {}, t(entry.call ? 'row.sent' : 'row.read')), ` #${row}`], () => lightRow(row), { class: 'quiet tiny', title: t('row.show', { n: row }), data: { focus: `call-of-${entry.n}` } });
}

function recallButton(entry, person) {
  if (entry.from === 'bot' || !entry.msgid) return null;
  const place = entry.from === 'customer' ? path('customers', person.external_userid, 'recall') : path('sessions', person.open_kfid, person.external_userid, 'recall');
  return button([icon('undo'), h('span', { class: 'sr' }, t('recall'))], () => act(post(place, { msgid: entry.msgid })), { class: 'quiet tiny recall', title: t('recall'), data: { focus: `recall-${entry.n}` } });
}

function renderNobody(entries) {
  const { info, token } = store;
  const isAlone = token?.gettoken_calls === 0;
  // This is read from its beginning.
  following.pause();
  keyed(entries, [info ? 'welcome' : 'loading'], {
    key: (what) => what,
    version: () => `${language}${isAlone}`,
    make: (what) => (what === 'loading' ? h('li', { class: 'hint' }, t('live.loading')) : welcome(isAlone ? info : null)),
  });
}

function welcome(info) {
  return h('li', { class: 'welcome' },
    h('img', { src: '/console/icon.svg', width: 56, height: 56, alt: '' }),
    h('h2', {}, t('welcome.title')), h('p', { class: 'dim' }, t('welcome.text')),
    button([icon('plus'), t('customer.add')], () => addCustomer(), { class: 'primary' }),
    info ? noBot(info) : null);
}

/** Goes with the first gettoken. */
function noBot(info) {
  return h('section', { class: 'no-bot' }, h('h3', {}, t('no_bot')),
    info.point.map(({ title, text }, place) => h('details', { open: place === 0 }, h('summary', {}, title), h('div', { class: 'lines' }, h('pre', { tabindex: 0 }, text), copyButton(text, title)))));
}

/** Lights the bubbles of a row; without one, none. */
export function lightBubbles(row) {
  for (const node of document.querySelectorAll('.entry.lit')) node.classList.remove('lit');
  if (!row) return;
  const msgids = new Set([row.request?.msgid, row.reply?.msgid, ...(row.reply?.msg_list ?? []).map(({ msgid }) => msgid)].filter(Boolean));
  const lit = [...document.querySelectorAll('#entries .entry')].filter((node) => msgids.has(node.dataset.msgid) || isCall(node, row.n));
  for (const node of lit) node.classList.add('lit');
  lit.at(-1)?.scrollIntoView({ block: 'nearest' });
}

function isCall(node, row) {
  return chatOf(view.customer).entries.get(Number(node.dataset.n))?.call === row;
}

let marking = false;

/** What is in sight is read. */
async function markRead() {
  const person = customer();
  if (marking || !person || person.unread === 0 || document.hidden || !byId('chat').checkVisibility() || !following.isFollowing()) return;
  marking = true;
  try {
    await post(path('customers', person.external_userid, 'read'));
  } catch {
    // It stays unread; the next change tries again.
  }
  marking = false;
}

function copyTest(person) {
  copy(testOf(person, entriesOf(person), store), t('copy_test'));
}
