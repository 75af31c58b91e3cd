// The middle pane: the customer's phone, and who has the session.

import { look } from './address.js';
import { act, path, post } from './api.js';
import { codeLeft, content, happened, offerOf } from './bubbles.js';
import { commands } from './connect.js';
import { askForTest } from './copy_test.js';
import { button, byId, chip, copyButton, fill, h, keyed, unkey } from './dom.js';
import { askToEnter } from './enter.js';
import { follow } from './follow.js';
import { icon } from './icons.js';
import { lightRow } from './journal.js';
import { loadChat, loadEarlier, wholeChat } from './live.js';
import { addCustomer, avatar, profile } from './people.js';
import { chatOf, customer, now, on, PAGE, store, view } from './store.js';
import { fullTime, left, shortTime } from './time.js';
import { language, t } from './words.js';

let following;
/** The customer whose chat is in the page, and the first and the last of its entries there. */
let shown = { customer: undefined, end: 0, first: 0 };

export function chat() {
  following = follow(byId('log'), byId('log-new'));
  on('head view clock token connection', renderHead);
  on('chat head view names token connection', renderLog);
  byId('log').addEventListener('scroll', scrolled, { passive: true });
  setInterval(tick, 1_000);
  document.addEventListener('visibilitychange', markRead);
}

function renderHead() {
  const person = customer();
  const head = byId('chat-head');
  if (!person) return fill(head);
  const account = store.accounts.get(person.open_kfid);
  fill(
    head,
    h(
      'div',
      { class: 'who' },
      button(icon('left'), () => look({ pane: 'people' }), {
        class: 'quiet back',
        label: t('back'),
        data: { focus: 'back' },
      }),
      avatar(person.name, person.external_userid),
      h(
        'div',
        { class: 'names' },
        h('h2', {}, person.name, h('span', { class: 'dim at' }, ` ${t('at')} ${account?.name ?? ''}`)),
        h(
          'span',
          { class: 'id' },
          h('code', { class: 'dim', title: person.external_userid }, person.external_userid),
          copyButton(person.external_userid, 'external_userid'),
        ),
      ),
      h(
        'div',
        { class: 'acts' },
        button([icon('enter'), h('span', {}, t('enter'))], () => askToEnter(person), {
          title: t('enter.intro'),
          data: { focus: 'enter' },
        }),
        button(icon('pencil'), () => profile(person), { label: t('profile'), data: { focus: 'profile' } }),
        button([icon('code'), h('span', {}, t('copy_test'))], () => copyTest(person), {
          title: t('copy_test.title'),
          data: { focus: 'copy-test' },
        }),
      ),
    ),
    h('div', { class: 'meters', id: 'meters', role: 'group', tabindex: 0, 'aria-label': t('meters') }, meters(person)),
  );
}

function meters(person) {
  const { session } = person;
  const windowLeft = session.window_until === null ? 0 : session.window_until - now();
  const open = windowLeft > 0;
  return [
    chip(session),
    h(
      'span',
      { class: `meter ${session.sent >= session.sent_max ? 'full' : ''}`, title: t('sent.title') },
      h(
        'span',
        { class: 'pips', 'aria-hidden': 'true' },
        Array.from({ length: session.sent_max }, (_, place) =>
          h('span', { class: place < session.sent ? 'pip on' : 'pip' }),
        ),
      ),
      t('sent', { sent: session.sent, max: session.sent_max }),
    ),
    h(
      'span',
      { class: `meter ${open || session.window_until === null ? '' : 'full'}`, title: t('window.title') },
      icon('clock'),
      session.window_until === null
        ? t('window.never')
        : open
          ? t('window.left', { left: left(windowLeft) })
          : t('window.closed'),
    ),
    session.rejecting ? h('span', { class: 'meter full' }, t('rejecting')) : null,
    person.upgrade_offer?.accepted
      ? h('span', { class: 'meter' }, icon('check'), t('offer.taken', { offer: offerOf(person.upgrade_offer) }))
      : null,
    session.codes
      .filter(({ until }) => until >= now())
      .map((code) =>
        h(
          'span',
          { class: 'meter code', title: `code ${code.code}…` },
          icon('key'),
          codeLeft(code, code.until - now()),
        ),
      ),
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
    shown = { customer: person?.external_userid, end: 0, first: 0 };
  }
  byId('log').classList.toggle('bare', !person);
  if (!person) return renderNobody(entries);
  const page = chatOf(person.external_userid);
  if (!page.loaded) loadChat(person.external_userid);
  // A message that was taken back says so in its place.
  const all = entriesOf(person).filter(({ body }) => body?.event !== 'recalled');
  const list = all.slice(-page.shown);
  const hasEarlier = page.hasOlder || list.length < all.length;
  const before = { first: shown.first, height: byId('log').scrollHeight, top: byId('log').scrollTop };
  // A whole chat at once is nothing to read out.
  byId('log').setAttribute('aria-busy', String(shown.end === 0));
  keyed(entries, rowsWithTimes(list, page.isWhole, hasEarlier), {
    key: (row) => row.key,
    version: (row) =>
      `${language}${row.time ?? ''}${identity(row.entry)}${person.name}${row.entry && store.readBy.has(row.entry.msgid)}`,
    make: (row) => rowNode(row, person),
  });
  const end = list.at(-1)?.n ?? 0;
  const fresh = list.filter(({ n }) => n > shown.end).length;
  if (isOther || shown.end === 0) following.restart();
  else following.grew(fresh);
  const first = list[0]?.n ?? 0;
  // Whoever reads on at the top keeps their place.
  if (before.first > 0 && first < before.first && !isOther)
    byId('log').scrollTop = before.top + byId('log').scrollHeight - before.height;
  Object.assign(shown, { end, first });
  byId('log').setAttribute('aria-busy', 'false');
  markRead();
}

const identities = new WeakMap();
let identified = 0;

/** The same number for the same entry; one that changed is another. */
function identity(entry) {
  if (!entry) return '';
  if (!identities.has(entry)) {
    identified += 1;
    identities.set(entry, identified);
  }
  return identities.get(entry);
}

const entriesOf = (person) =>
  [...chatOf(person.external_userid).entries.values()].sort((one, other) => one.n - other.n);

/** The button for what was said before. */
const EARLIER = 'chat.earlier';

function showEarlier() {
  const person = customer();
  if (!person) return;
  const page = chatOf(person.external_userid);
  if (page.hasOlder) return void act(loadEarlier(person.external_userid));
  page.shown += PAGE;
  renderLog();
}

/** How near to the top earlier messages are loaded, in pixels. */
const NEAR_TOP = 40;

function scrolled() {
  if (
    byId('log').scrollTop < NEAR_TOP &&
    store.connection === 'live' &&
    !following.isFollowing() &&
    byId('entries').querySelector('.earlier')
  )
    showEarlier();
  markRead();
}

/** To the own message, wherever one has read before. */
export function toEndOfChat() {
  following.restart();
}

/** Five minutes of silence get a line with the time, as on the phone. */
function rowsWithTimes(list, isWhole, hasEarlier) {
  if (list.length === 0) return [{ key: isWhole ? 'chat.empty' : 'live.loading' }];
  const rows = hasEarlier ? [{ key: EARLIER }] : [];
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
  if (key === EARLIER)
    return h(
      'li',
      { class: 'earlier' },
      button([icon('up'), t(key)], showEarlier, { class: 'small', data: { focus: 'earlier' } }),
    );
  return time ? h('li', { class: 'day' }, h('time', {}, time)) : h('li', { class: 'hint' }, t(key));
}

function entryNode(entry, person) {
  if (entry.from === 'note')
    return h(
      'li',
      { class: 'note', data: { n: entry.n } },
      h('span', { title: fullTime(entry.at) }, happened(entry, person)),
    );
  const isOwn = entry.from === 'customer';
  const account = store.accounts.get(person.open_kfid);
  const author = { customer: person.name, bot: account?.name ?? '', servicer: entry.servicer_userid ?? '' }[entry.from];
  if (entry.recalled) {
    return h(
      'li',
      { class: 'note', data: { n: entry.n } },
      h('span', { title: fullTime(entry.at) }, t(entry.from === 'bot' ? 'gone' : 'recalled', { name: author })),
    );
  }
  const isMenu = entry.msgtype === 'msgmenu';
  const isCard = !['text', 'msgmenu', 'image'].includes(entry.msgtype);
  const tapped = entry.msgtype === 'text' && entry.body?.menu_id;
  return h(
    'li',
    { class: `entry ${entry.from} ${isMenu ? 'wide' : ''}`, data: { n: entry.n, msgid: entry.msgid ?? '' } },
    entry.from === 'bot'
      ? h('span', { class: 'avatar bot', 'aria-hidden': 'true' }, icon('bot'))
      : avatar(author, isOwn ? person.external_userid : author),
    h(
      'div',
      { class: 'body' },
      h(
        'p',
        { class: 'author dim' },
        h('span', { class: isOwn ? 'sr' : '' }, author),
        entry.from === 'bot' ? h('span', { class: 'tag' }, t('from.bot')) : null,
        entry.from === 'servicer' ? h('span', { class: 'tag' }, t('from.servicer')) : null,
      ),
      h('div', { class: `bubble ${isCard ? 'bare' : ''} ${entry.msgtype}` }, content(entry, person)),
      h(
        'p',
        { class: 'meta dim' },
        h('time', { title: fullTime(entry.at) }, shortTime(entry.at, entry.at)),
        tapped ? h('span', {}, t('tapped', { id: entry.body.menu_id })) : null,
        entry.via === 'send_msg_on_event' ? h('span', { class: 'ok' }, icon('check'), 'on_event') : null,
        ticks(entry),
        recallButton(entry, person),
      ),
    ),
  );
}

/**
 * Ticks, and the way to the journal: one tick if the message has arrived, two if the bot has read it. Of the bot's own
 * messages the row is the call that sent it.
 */
function ticks(entry) {
  const row = entry.call ?? store.readBy.get(entry.msgid);
  const isRead = entry.from !== 'bot' && row !== undefined;
  const words = t(entry.from === 'bot' ? 'tick.sent' : isRead ? 'tick.read' : 'tick.delivered');
  const drawing = icon(isRead ? 'ticks' : 'tick', isRead ? 'read' : '');
  if (!row) return h('span', { class: 'tick', title: words }, drawing, h('span', { class: 'sr' }, words));
  return button([drawing, h('span', { class: 'sr' }, words), `#${row}`], () => lightRow(row), {
    class: 'quiet tiny',
    title: `${words} ${t('row.show', { n: row })}`,
    data: { focus: `call-of-${entry.n}` },
  });
}

function recallButton(entry, person) {
  if (entry.from === 'bot' || !entry.msgid) return null;
  const place =
    entry.from === 'customer'
      ? path('customers', person.external_userid, 'recall')
      : path('sessions', person.open_kfid, person.external_userid, 'recall');
  return button(
    [icon('undo'), h('span', { class: 'sr' }, t('recall'))],
    () => act(post(place, { msgid: entry.msgid })),
    { class: 'quiet tiny recall', title: t('recall'), data: { focus: `recall-${entry.n}` } },
  );
}

function renderNobody(entries) {
  const { info, token } = store;
  const isAlone = token?.gettoken_calls === 0;
  // This is read from its beginning.
  following.pause();
  keyed(entries, [info ? 'welcome' : 'loading'], {
    key: (what) => what,
    version: () => `${language}${isAlone}`,
    make: (what) =>
      what === 'loading' ? h('li', { class: 'hint' }, t('live.loading')) : welcome(isAlone ? info : null),
  });
}

function welcome(info) {
  return h(
    'li',
    { class: 'welcome' },
    h('img', { src: '/console/icon.svg', width: 56, height: 56, alt: '' }),
    h('h2', {}, t('welcome.title')),
    h('p', { class: 'dim' }, t('welcome.text')),
    button([icon('plus'), t('customer.add')], () => addCustomer(), { class: 'primary' }),
    info ? noBot(info) : null,
  );
}

/** Goes with the first gettoken. */
const noBot = (info) => h('section', { class: 'no-bot' }, h('h3', {}, t('no_bot')), commands(info));

/** Lights the bubbles of these rows alone. @param {import('./store.js').Row[]} rows */
export function lightBubbles(rows) {
  for (const node of document.querySelectorAll('.entry.lit')) node.classList.remove('lit');
  const msgids = new Set(
    rows
      .flatMap((row) => [
        row.request?.msgid,
        row.reply?.msgid,
        ...(row.reply?.msg_list ?? []).map(({ msgid }) => msgid),
      ])
      .filter(Boolean),
  );
  const nodes = /** @type {HTMLElement[]} */ ([...document.querySelectorAll('#entries .entry')]);
  const lit = nodes.filter((node) => msgids.has(node.dataset.msgid) || rows.some(({ n }) => isCall(node, n)));
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
  if (
    marking ||
    !person ||
    person.unread === 0 ||
    document.hidden ||
    !byId('chat').checkVisibility() ||
    !following.isFollowing()
  )
    return;
  marking = true;
  try {
    await post(path('customers', person.external_userid, 'read'));
  } catch {
    // It stays unread; the next change tries again.
  }
  marking = false;
}

/** Of the whole chat, whatever part of it is in the page. */
async function copyTest(person) {
  const entries = await act(wholeChat(person.external_userid));
  if (entries) askForTest(person, entries);
}
