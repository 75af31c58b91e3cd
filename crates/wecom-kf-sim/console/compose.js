// The box to write in, as the customer or as a servicer, and what a servicer does with the session.

import { act, path, post, tried } from './api.js';
import { offerOf } from './bubbles.js';
import { toEndOfChat } from './chat.js';
import { ask, show } from './dialog.js';
import { button, byId, fill, h, toggle } from './dom.js';
import { icon } from './icons.js';
import { bodyOf, KINDS } from './kinds.js';
import { addServicer } from './people.js';
import { customer, on, servicersOf, view } from './store.js';
import { t } from './words.js';

const RATINGS = ['satisfied', 'middling', 'dissatisfied'];

/** Who writes: null is the customer, else a servicer's userid. */
let author = null;
let isComposing = false;
/** What was begun to each customer. */
const drafts = new Map();
let writtenTo = null;

const box = h('textarea', {
  id: 'box',
  rows: 1,
  enterkeyhint: 'send',
  autocomplete: 'off',
  maxlength: 20_000,
  data: { focus: 'box' },
});

export function compose() {
  box.addEventListener('compositionstart', () => {
    isComposing = true;
  });
  box.addEventListener('compositionend', () => {
    // Some browsers end the composition before they tell of the Enter that ended it.
    setTimeout(() => {
      isComposing = false;
    });
  });
  box.addEventListener('keydown', (event) => {
    // Not the event's own `isComposing`, which browsers set differently around the end; 229 is a key that the input
    // method has taken.
    if (event.key !== 'Enter' || event.shiftKey || isComposing || event.keyCode === 229) return;
    event.preventDefault();
    send();
  });
  box.addEventListener('input', fit);
  on('view head connection', render);
}

function fit() {
  box.style.height = 'auto';
  box.style.height = `${Math.min(box.scrollHeight + 2, 160)}px`;
}

function render() {
  const person = customer();
  const place = byId('composer');
  place.hidden = !person;
  if (!person) return;
  if (!servicersOf(person.open_kfid).some(({ userid }) => userid === author)) author = null;
  if (writtenTo !== person.external_userid) {
    drafts.set(writtenTo, box.value);
    writtenTo = person.external_userid;
    box.value = drafts.get(writtenTo) ?? '';
  }
  box.placeholder = t(author === null ? 'write' : 'write.servicer', { name: author ?? person.name });
  box.setAttribute('aria-label', box.placeholder);
  const boxLine = place.querySelector('.write') ?? h('div', { class: 'write' });
  if (!boxLine.isConnected) {
    place.replaceChildren(h('div', { class: 'asked' }), h('div', { class: 'authors' }), boxLine);
    boxLine.append(
      button(icon('plus'), kinds, { class: 'quiet round', id: 'plus', data: { focus: 'plus' } }),
      box,
      button([icon('send'), h('span', {}, '')], send, { class: 'primary send', id: 'send', data: { focus: 'send' } }),
    );
  }
  for (const [id, key] of [
    ['plus', 'kinds'],
    ['send', 'send'],
  ]) {
    byId(id).setAttribute('aria-label', t(key));
    byId(id).title = t(key);
  }
  byId('send').lastChild.textContent = t('send');
  fill(place.querySelector('.asked'), offered(person), askedToRate(person));
  fill(place.querySelector('.authors'), authors(person), author === null ? takeOver(person) : servicerActs(person));
  fit();
}

function authors(person) {
  const choose = (who) => () => {
    author = who;
    render();
    box.focus();
  };
  const serving = servicersOf(person.open_kfid);
  return h(
    'div',
    { class: 'segments', role: 'group', 'aria-label': t('author') },
    button([icon('person'), person.name], choose(null), {
      'aria-pressed': String(author === null),
      data: { focus: 'author-' },
    }),
    serving.map(({ userid }) =>
      button([icon('people'), userid], choose(userid), {
        'aria-pressed': String(author === userid),
        data: { focus: `author-${userid}` },
      }),
    ),
    serving.length === 0
      ? button([icon('plus'), t('servicer.add')], addServicer, { data: { focus: 'author-add' } })
      : null,
  );
}

/** What waits for the customer's answer, whoever writes at the moment. */
const question = (symbol, words, answers) =>
  h(
    'div',
    { class: 'question', role: 'group', 'aria-label': words },
    icon(symbol),
    h('p', {}, words),
    h('div', { class: 'acts' }, answers),
  );

function offered({ external_userid: id, upgrade_offer: offer }) {
  if (!offer || offer.accepted) return null;
  const words = t('offer.made', { offer: offerOf(offer) });
  return question(
    'person',
    offer.wording ? `${words} ${offer.wording}` : words,
    answer(t('offer.take'), path('customers', id, 'upgrade'), {}, 'offer-take'),
  );
}

function askedToRate({ external_userid: id, asked_to_rate_by: servicer }) {
  if (!servicer) return null;
  return question(
    'star',
    t('rating.asked', { servicer }),
    RATINGS.map((rating) =>
      answer(t(`rating.${rating}`), path('customers', id, 'rating'), { rating }, `rate-${rating}`),
    ),
  );
}

/** The question goes with its answer, so the focus goes on to the box. */
const answer = (words, place, body, focus) =>
  button(words, async () => (await act(post(place, body))) && box.focus(), { data: { focus } });

const session = (person, verb) => path('sessions', person.open_kfid, person.external_userid, verb);

/** The shortest way to have a person in the session, beside the customer's box. */
function takeOver(person) {
  const serving = servicersOf(person.open_kfid);
  const free = serving.find(({ receiving }) => receiving) ?? serving[0];
  if (person.session.state === 3) {
    return h(
      'div',
      { class: 'acts' },
      button(t('session.end'), () => act(post(session(person, 'end'))), { class: 'small', data: { focus: 'end' } }),
    );
  }
  return free
    ? h(
        'div',
        { class: 'acts' },
        button(
          t('session.take_by', { servicer: free.userid }),
          () => act(post(session(person, 'take'), { servicer_userid: free.userid })),
          { class: 'small', data: { focus: 'take' } },
        ),
      )
    : null;
}

function servicerActs(person) {
  const { state, servicer_userid: holder, rejecting } = person.session;
  const others = servicersOf(person.open_kfid)
    .map(({ userid }) => userid)
    .filter((userid) => userid !== holder);
  return h(
    'div',
    { class: 'acts' },
    holder === author
      ? null
      : button(t('session.take'), () => act(post(session(person, 'take'), { servicer_userid: author })), {
          class: 'small',
          data: { focus: 'take' },
        }),
    state === 3 && others.length > 0
      ? button(t('session.transfer'), () => transfer(person, others), { class: 'small', data: { focus: 'transfer' } })
      : null,
    state === 3
      ? button(t('session.end'), () => act(post(session(person, 'end'))), { class: 'small', data: { focus: 'end' } })
      : null,
    holder === author || state === 4
      ? button(t('session.ask_to_rate'), () => act(post(session(person, 'rating'), { servicer_userid: author })), {
          class: 'small',
          data: { focus: 'ask-to-rate' },
        })
      : null,
    toggle(
      t('session.reject'),
      rejecting,
      (on) => act(post(session(person, 'reject'), { servicer_userid: author, rejecting: on })),
      { data: { focus: 'reject' } },
    ),
  );
}

async function transfer(person, others) {
  const to = {
    name: 'to',
    label: t('session.to'),
    type: 'select',
    value: others[0],
    options: others.map((userid) => [userid, userid]),
  };
  await ask(t('session.transfer'), [to], {
    send: t('session.transfer'),
    perform: (values) => tried(post(session(person, 'transfer'), values)),
  });
}

async function send() {
  const person = customer();
  const content = box.value;
  if (!person || content.trim() === '') return;
  const sent = await act(write(person, { msgtype: 'text', text: { content } }));
  // What was typed meanwhile stays.
  if (!sent) return;
  if (customer() === null || writtenTo !== person.external_userid) drafts.delete(person.external_userid);
  else if (box.value === content) box.value = '';
  fit();
}

function write(person, message) {
  toEndOfChat();
  if (author === null) return post(path('customers', person.external_userid, 'messages'), message);
  return post(session(person, 'reply'), { ...message, servicer_userid: author });
}

/** A board with every other kind. */
function kinds() {
  const person = customer();
  if (!person) return;
  const offered = KINDS.filter(({ by }) => by === undefined || author !== null);
  const pick = (kind) => () => {
    dialog.close();
    writeKind(person, kind);
  };
  const dialog = h(
    'dialog',
    { class: 'kinds', 'aria-labelledby': 'kinds-title' },
    h('h2', { id: 'kinds-title' }, t('kinds')),
    h(
      'div',
      { class: 'board' },
      offered.map((kind) =>
        button([icon(kind.icon), h('span', {}, t(`kind.${kind.msgtype}`))], pick(kind), {
          data: { kind: kind.msgtype },
        }),
      ),
      button(
        [icon('code'), h('span', {}, t('kind.any'))],
        () => {
          dialog.close();
          writeAny(person);
        },
        { data: { kind: 'any' } },
      ),
    ),
    h(
      'div',
      { class: 'actions' },
      button(t('cancel'), () => dialog.close(), { class: 'quiet' }),
    ),
  );
  show(dialog);
}

async function writeKind(person, kind) {
  const { msgtype } = kind;
  if (kind.fields.length === 0) return act(write(person, { msgtype, [msgtype]: {} }));
  return ask(t(`kind.${msgtype}`), kind.fields.map(asked), {
    send: t('send'),
    validate: (values) => problem(() => bodyOf(kind, values)),
    perform: (values) =>
      tried(
        keep(msgtype, bodyOf(kind, values), values.file).then((body) => write(person, { msgtype, [msgtype]: body })),
      ),
  });
}

/** The body, with the file in it if there is one. */
async function keep(msgtype, body, file) {
  if (!file) return body;
  const { media_id } = await post(`media?${new URLSearchParams({ type: msgtype, filename: file.name })}`, file);
  return { ...body, media_id };
}

/** A field of a kind, as it is asked for. */
function asked({ name, value, type, accept }) {
  if (type === 'json') return { name, label: name, value, type: 'textarea', class: 'code' };
  if (type === 'file') return { name, label: t('file'), hint: t('file.hint'), type, accept };
  return { name, label: name, value, type };
}

async function writeAny(person) {
  const sample = JSON.stringify({ msgtype: 'hologram', hologram: { of: '明天的新消息类型' } }, null, 2);
  await ask(
    t('kind.any'),
    [{ name: 'json', label: 'JSON', type: 'textarea', class: 'code', rows: 10, value: sample }],
    {
      send: t('send'),
      intro: t('kind.any.intro'),
      validate: ({ json }) => problem(() => JSON.parse(json)),
      perform: ({ json }) => tried(write(person, JSON.parse(json))),
    },
  );
}

function problem(parse) {
  try {
    parse();
    return null;
  } catch (error) {
    return t('json.bad', { why: error.message });
  }
}

export function focusBox() {
  if (view.customer) box.focus();
}
