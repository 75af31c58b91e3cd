// The left pane: accounts with their customers, and the servicers.

import { look, lookAtCorp } from './address.js';
import { act, del, patch, path, post, put, tried } from './api.js';
import { corp } from './corp.js';
import { ask } from './dialog.js';
import { button, byId, chip, copyButton, fill, h, keyed, toggle } from './dom.js';
import { icon } from './icons.js';
import { customer, customersOf, now, on, store, view } from './store.js';
import { shortTime } from './time.js';
import { language, t } from './words.js';

/** This many customers of an account are listed, those who spoke last, and as many more each time somebody asks. */
const LISTED = 200;
const listed = new Map();
/** Who was looked at last. */
let shown;
const NAMES = ['小王', '小李', '小赵', '老周', '阿梅', '小陈', '林女士', '张先生', '小吴', '阿杰'];

const search = h('input', {
  type: 'search',
  id: 'customer-search',
  autocomplete: 'off',
  spellcheck: 'false',
  data: { focus: 'customer-search' },
});

export function people() {
  search.addEventListener('input', () => {
    listed.clear();
    render();
  });
  byId('people-list').addEventListener('scroll', scrolled, { passive: true });
  new ResizeObserver(keepOpenInSight).observe(byId('people-list'));
  on('connection', renderHead);
  on('people view connection', render);
}

/** The search, and the corp where there are several. Both stay while somebody types or chooses. */
function renderHead() {
  const head = byId('people-head');
  search.placeholder = t('customer.search');
  search.setAttribute('aria-label', t('customer.search'));
  if (!search.isConnected)
    head.append(h('div', { class: 'corps', id: 'corps' }), h('label', { class: 'search' }, icon('search'), search));
  const corps = store.info?.corps ?? [];
  const place = byId('corps');
  place.hidden = corps.length < 2;
  const choose = ({ target }) => {
    lookAtCorp(target.value);
    // Who comes back finds the corp that this page shows.
    target.value = store.corpId;
  };
  const options = corps.map((corp) => h('option', { value: corp, selected: corp === store.corpId }, corp));
  fill(
    place,
    h('label', { for: 'corp' }, t('corp')),
    h('select', { id: 'corp', autocomplete: 'off', on: { change: choose }, data: { focus: 'which-corp' } }, options),
  );
}

/** Servicers, and what is seldom needed. */
function renderFoot() {
  const parts = [
    { key: 'servicers', version: JSON.stringify([...store.servicers.values()]), make: servicersBox },
    { key: 'seldom', version: '', make: seldom },
  ];
  keyed(byId('people-foot'), parts, {
    key: ({ key }) => key,
    version: ({ version }) => language + version,
    make: ({ make }) => make(),
  });
}

const seldom = () =>
  h(
    'div',
    { class: 'seldom' },
    button([icon('plus'), t('account.add')], addAccount, { class: 'quiet small', data: { focus: 'account-add' } }),
    button([icon('gear'), t('corp.settings')], corp, {
      class: 'quiet small',
      title: t('corp.intro'),
      data: { focus: 'corp' },
    }),
  );

function render() {
  // What is above and below the list comes first: only then it has its height, and the open row can come into sight.
  if (!search.isConnected) renderHead();
  renderFoot();
  const accounts = [...store.accounts.values()];
  const parts = accounts.map((account) => {
    const { length } = found(account.open_kfid);
    const isEmpty = customersOf(account.open_kfid).length === 0;
    const canGo = !account.deleted && accounts.filter(({ deleted }) => !deleted).length > 1;
    return {
      key: account.open_kfid,
      version: JSON.stringify([account, length > 0, isEmpty, canGo]),
      make: () => accountBox(account, length, isEmpty, canGo),
    };
  });
  keyed(byId('people-list'), parts, {
    key: ({ key }) => key,
    version: ({ version }) => language + version,
    make: ({ make }) => make(),
  });
  for (const { open_kfid } of accounts) customerRows(open_kfid);
  showOpen();
}

/** The customers of an account whose name, id or last message has what is searched for. */
function found(openKfid) {
  const wanted = search.value.trim().toLowerCase();
  const all = customersOf(openKfid);
  if (wanted === '') return all;
  return all.filter(({ name, external_userid, last }) =>
    `${name} ${external_userid} ${last?.text ?? ''}`.toLowerCase().includes(wanted),
  );
}

/** @returns {HTMLElement | null} */
const openRow = () => byId('people-list').querySelector('.customer[aria-current]');

/** Whether the row of whoever is looked at is in sight: then it stays so when the list gets smaller. */
let isInSight = false;
/** How high the list was when that was seen. */
let height = 0;

function seeOpen() {
  const row = openRow()?.getBoundingClientRect();
  const list = byId('people-list').getBoundingClientRect();
  height = byId('people-list').clientHeight;
  isInSight = row !== undefined && row.top >= list.top - 1 && row.bottom <= list.bottom + 1;
}

/** Ignores the scroll event of a list that has just become smaller: it comes before that of the new size. */
function scrolled() {
  if (byId('people-list').clientHeight === height) seeOpen();
}

function keepOpenInSight() {
  height = byId('people-list').clientHeight;
  if (isInSight) openRow()?.scrollIntoView({ block: 'nearest' });
}

/** Whoever is looked at anew comes into sight in a long list. */
function showOpen() {
  const row = openRow();
  const id = row?.dataset.customer;
  if (id && id !== shown) row.scrollIntoView({ block: 'nearest' });
  if (id !== shown) seeOpen();
  shown = id;
}

function accountBox(account, customers, isEmpty, canGo) {
  return h(
    'section',
    { class: 'account', data: { kf: account.open_kfid } },
    h(
      'header',
      {},
      h('h2', {}, account.name),
      account.deleted ? h('span', { class: 'tag' }, t('account.deleted')) : null,
      h('code', { class: 'dim id', title: account.open_kfid }, account.open_kfid),
      copyButton(account.open_kfid, 'open_kfid'),
      canGo
        ? button(icon('trash'), () => withdraw(account), {
            class: 'quiet small',
            label: t('account.withdraw'),
            data: { focus: `withdraw-${account.open_kfid}` },
          })
        : null,
      account.deleted || isEmpty
        ? null
        : button(icon('plus'), () => addCustomer(account.open_kfid), {
            class: 'quiet small',
            label: t('customer.add'),
            data: { focus: `add-${account.open_kfid}` },
          }),
    ),
    customers > 0
      ? h('ul', { class: 'customers' })
      : h('p', { class: 'empty' }, t(isEmpty ? 'customer.none' : 'customer.not_found')),
    account.deleted || !isEmpty
      ? null
      : button([icon('plus'), t('customer.add')], () => addCustomer(account.open_kfid), {
          class: 'primary add',
          data: { focus: `add-${account.open_kfid}` },
        }),
  );
}

function customerRows(openKfid) {
  const list = byId('people-list').querySelector(`[data-kf="${CSS.escape(openKfid)}"] .customers`);
  if (!list) return;
  const all = found(openKfid);
  const rows = all.slice(0, listed.get(openKfid) ?? LISTED);
  const open = all.slice(rows.length).find(({ external_userid }) => external_userid === view.customer);
  if (open) rows.push(open);
  if (all.length > rows.length) rows.push({ more: all.length - rows.length });
  keyed(list, rows, {
    key: ({ external_userid }) => external_userid,
    version: (row) => `${language}${row.external_userid === view.customer}${JSON.stringify(row)}`,
    make: (row) => (row.more ? moreCustomers(openKfid, row.more) : customerRow(row)),
  });
}

const moreCustomers = (openKfid, count) =>
  h(
    'li',
    { class: 'more' },
    button(
      t('customer.more', { count }),
      () => {
        listed.set(openKfid, (listed.get(openKfid) ?? LISTED) + LISTED);
        render();
      },
      { class: 'small', data: { focus: `more-${openKfid}` } },
    ),
  );

function customerRow(person) {
  const isOpen = person.external_userid === view.customer;
  const { last } = person;
  const says = last ? `${last.from === 'customer' ? '' : `${t(`from.${last.from}`)}: `}${last.text}` : t('chat.none');
  return h(
    'li',
    {},
    button(
      [
        avatar(person.name, person.external_userid),
        h('span', { class: 'name' }, person.name),
        h('span', { class: 'when dim' }, last ? shortTime(last.at, now()) : ''),
        h('span', { class: 'says dim' }, says),
        h('span', { class: 'state' }, chip(person.session)),
        person.unread > 0
          ? h('span', { class: 'unread', 'aria-label': t('unread', { count: person.unread }) }, String(person.unread))
          : null,
      ],
      () => look({ customer: person.external_userid, pane: 'chat' }),
      {
        class: 'customer',
        'aria-current': isOpen ? 'true' : null,
        data: { focus: `customer-${person.external_userid}`, customer: person.external_userid },
      },
    ),
  );
}

/** One character of a name, on a colour that stays the same: of short Chinese names the last tells more. */
export function avatar(name, id = name) {
  let hash = 0;
  for (const character of id) hash = (hash * 31 + character.codePointAt(0)) >>> 0;
  return h(
    'span',
    { class: 'avatar', 'aria-hidden': 'true', data: { hue: hash % 6 } },
    (/^\p{Script=Han}{2}$/u.test(name) ? name.at(-1) : [...name][0]) ?? '?',
  );
}

function servicersBox() {
  return h(
    'section',
    { class: 'servicers' },
    h(
      'header',
      {},
      h('h2', {}, t('servicers')),
      button(icon('plus'), addServicer, {
        class: 'quiet small',
        label: t('servicer.add'),
        data: { focus: 'servicer-add' },
      }),
    ),
    store.servicers.size > 0
      ? h('ul', {}, [...store.servicers.values()].map(servicerRow))
      : h('p', { class: 'empty' }, t('servicer.none')),
  );
}

/** receiving, suspended or stopped. */
const statusOf = ({ receiving, suspended }) => (receiving ? 'receiving' : suspended ? 'suspended' : 'stopped');

function servicerRow(servicer) {
  const { userid, receiving, sessions } = servicer;
  return h(
    'li',
    { class: 'servicer' },
    button(
      [
        avatar(userid),
        h('span', { class: 'name' }, userid),
        h('span', { class: 'dim' }, t('servicer.sessions', { count: sessions })),
      ],
      () => changeServicer(servicer),
      { class: 'quiet', title: t('servicer.change', { userid }), data: { focus: `settings-${userid}` } },
    ),
    toggle(
      t(`servicer.${statusOf(servicer)}`),
      receiving,
      (on) => act(put(path('servicers', userid), { receiving: on })),
      { data: { focus: `servicer-${userid}` } },
    ),
  );
}

async function changeServicer(servicer) {
  const { userid, open_kfids: served } = servicer;
  const accounts = [...store.accounts.values()].filter(({ deleted }) => !deleted);
  // What a department serves would become the member's own.
  const changed = (serves) => (serves.join() === served.join() ? {} : { open_kfids: serves });
  await ask(
    t('servicer.change', { userid }),
    [
      {
        name: 'status',
        label: t('servicer.status'),
        type: 'select',
        value: statusOf(servicer),
        options: ['receiving', 'suspended', 'stopped'].map((status) => [status, t(`servicer.${status}`)]),
      },
      {
        name: 'served',
        label: t('servicer.serves'),
        type: 'checks',
        value: served,
        options: accounts.map(({ open_kfid, name }) => [open_kfid, name]),
        hint: t('servicer.serves.hint'),
      },
    ],
    {
      send: t('save'),
      perform: ({ status, served: serves }) =>
        tried(
          put(path('servicers', userid), {
            receiving: status === 'receiving',
            suspended: status === 'suspended',
            ...changed(serves),
          }),
        ),
    },
  );
}

async function addAccount() {
  await ask(t('account.add'), [{ name: 'name', label: t('name'), maxlength: 16 }], {
    send: t('add'),
    validate: named,
    perform: (values) => tried(post('accounts', values)),
  });
}

async function withdraw(account) {
  await ask(t('account.withdraw'), [], {
    send: t('account.withdraw'),
    intro: t('account.withdraw.intro', { name: account.name }),
    perform: () => tried(del(path('accounts', account.open_kfid))),
  });
}

const named = ({ name }) => (name.trim() ? null : t('name.needed'));

export async function addCustomer(openKfid = customer()?.open_kfid ?? [...store.accounts.keys()][0]) {
  const taken = new Set([...store.customers.values()].map(({ name }) => name));
  let added;
  const add = async ({ name }) => {
    added = await post('customers', { name: name.trim(), open_kfid: openKfid });
  };
  const values = await ask(
    t('customer.add'),
    [
      { name: 'name', label: t('name'), value: NAMES.find((name) => !taken.has(name)) ?? '', maxlength: 64 },
      { name: 'enters', type: 'checkbox', label: t('customer.enters'), value: true },
      { name: 'scene', label: t('scene'), hint: t('scene.hint'), maxlength: 32 },
    ],
    { send: t('add'), validate: named, perform: (values) => tried(add(values)) },
  );
  if (!values) return;
  store.customers.set(added.external_userid, added);
  look({ customer: added.external_userid, pane: 'chat' });
  if (values.enters) await act(post(path('customers', added.external_userid, 'enter'), { scene: values.scene }));
}

/** What batchget says of a customer, besides the id. */
export async function profile(person) {
  const { gender, avatar, unionid } = person.profile;
  const given = ({ name, gender, ...others }) => ({ ...others, name: name.trim(), gender: Number(gender) });
  await ask(
    t('profile'),
    [
      { name: 'name', label: t('name'), value: person.name, maxlength: 64 },
      {
        name: 'gender',
        label: t('gender'),
        type: 'select',
        value: String(gender),
        options: ['0', '1', '2'].map((number) => [number, t(`gender.${number}`)]),
      },
      { name: 'avatar', label: t('avatar'), value: avatar, hint: t('avatar.hint') },
      { name: 'unionid', label: 'unionid', value: unionid, hint: t('unionid.hint') },
    ],
    {
      send: t('save'),
      intro: t('profile.intro'),
      validate: named,
      perform: (values) => tried(patch(path('customers', person.external_userid), given(values))),
    },
  );
}

export async function addServicer() {
  const userid = {
    name: 'name',
    label: 'userid',
    value: store.servicers.has('zhangsan') ? '' : 'zhangsan',
    maxlength: 64,
  };
  await ask(t('servicer.add'), [userid], {
    send: t('add'),
    validate: named,
    perform: ({ name }) => tried(put(path('servicers', name.trim()), {})),
  });
}
