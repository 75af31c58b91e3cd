// The left pane: accounts with their customers, and the servicers.

import { act, path, post, put, patch, del, tried } from './api.js';
import { look } from './address.js';
import { corp } from './corp.js';
import { ask, button, byId, chip, copyButton, h, icon, keyed, toggle } from './dom.js';
import { customer, customersOf, now, on, store, view } from './store.js';
import { shortTime } from './time.js';
import { language, t } from './words.js';

/** So many customers of an account are listed, those who spoke last; besides, the one who is looked at. */
const LISTED = 200;
/** Who was looked at last. */
let shown;
const NAMES = ['小王', '小李', '小赵', '老周', '阿梅', '小陈', '林女士', '张先生', '小吴', '阿杰'];

export function people() {
  on('people view connection', render);
}

function render() {
  const accounts = [...store.accounts.values()];
  const parts = accounts.map((account) => {
    const { length } = customersOf(account.open_kfid);
    const canGo = !account.deleted && accounts.filter(({ deleted }) => !deleted).length > 1;
    return { key: account.open_kfid, version: JSON.stringify([account, length > 0, canGo]), make: () => accountBox(account, length, canGo) };
  });
  parts.push({ key: 'add', version: '', make: () => button([icon('plus'), t('account.add')], addAccount, { class: 'quiet add', data: { focus: 'account-add' } }) });
  parts.push({ key: 'corp', version: '', make: () => button([icon('corp'), t('corp')], corp, { class: 'quiet add', title: t('corp.intro'), data: { focus: 'corp' } }) });
  parts.push({ key: 'servicers', version: JSON.stringify([...store.servicers.values()]), make: servicersBox });
  keyed(byId('people'), parts, { key: ({ key }) => key, version: ({ version }) => language + version, make: ({ make }) => make() });
  for (const { open_kfid } of accounts) customerRows(open_kfid);
  showOpen();
}

/** Whoever is looked at anew comes into sight in a long list. */
function showOpen() {
  const row = byId('people').querySelector('.customer[aria-current]');
  const id = row?.dataset.customer;
  if (id && id !== shown) row.scrollIntoView({ block: 'nearest' });
  shown = id;
}

function accountBox(account, customers, canGo) {
  return h('section', { class: 'account', data: { kf: account.open_kfid } },
    h('header', {},
      h('h2', {}, account.name), account.deleted ? h('span', { class: 'tag' }, t('account.deleted')) : null,
      h('code', { class: 'dim id', title: account.open_kfid }, account.open_kfid),
      copyButton(account.open_kfid, 'open_kfid'),
      canGo ? button(icon('trash'), () => withdraw(account), { class: 'quiet small', label: t('account.withdraw'), data: { focus: `withdraw-${account.open_kfid}` } }) : null),
    customers > 0 ? h('ul', { class: 'customers' }) : h('p', { class: 'empty' }, t('customer.none')),
    account.deleted ? null : button([icon('plus'), t('customer.add')], () => addCustomer(account.open_kfid), { class: customers > 0 ? 'quiet add' : 'primary add', data: { focus: `add-${account.open_kfid}` } }));
}

function customerRows(openKfid) {
  const list = byId('people').querySelector(`[data-kf="${CSS.escape(openKfid)}"] .customers`);
  if (!list) return;
  const all = customersOf(openKfid);
  const rows = all.slice(0, LISTED);
  const open = all.slice(LISTED).find(({ external_userid }) => external_userid === view.customer);
  if (open) rows.push(open);
  if (all.length > rows.length) rows.push({ more: all.length - rows.length });
  keyed(list, rows, {
    key: ({ external_userid }) => external_userid,
    version: (row) => `${language}${row.external_userid === view.customer}${JSON.stringify(row)}`,
    make: (row) => (row.more ? h('li', { class: 'empty' }, t('customer.more', { count: row.more })) : customerRow(row)),
  });
}

function customerRow(person) {
  const isOpen = person.external_userid === view.customer;
  const { last } = person;
  const says = last ? `${last.from === 'customer' ? '' : `${t(`from.${last.from}`)}: `}${last.text}` : t('chat.none');
  return h('li', {},
    button([
      avatar(person.name, person.external_userid),
      h('span', { class: 'name' }, person.name),
      h('span', { class: 'when dim' }, last ? shortTime(last.at, now()) : ''),
      h('span', { class: 'says dim' }, says),
      h('span', { class: 'state' }, chip(person.session)),
      person.unread > 0 ? h('span', { class: 'unread', 'aria-label': t('unread', { count: person.unread }) }, String(person.unread)) : null,
    ], () => look({ customer: person.external_userid, pane: 'chat' }), { class: 'customer', 'aria-current': isOpen ? 'true' : null, data: { focus: `customer-${person.external_userid}`, customer: person.external_userid } }));
}

/** One character of a name, on a colour that stays the same: of short Chinese names the last tells more. */
export function avatar(name, id = name) {
  let hash = 0;
  for (const character of id) hash = (hash * 31 + character.codePointAt(0)) >>> 0;
  return h('span', { class: 'avatar', 'aria-hidden': 'true', data: { hue: hash % 6 } }, (/^\p{Script=Han}{2}$/u.test(name) ? name.at(-1) : [...name][0]) ?? '?');
}

function servicersBox() {
  return h('section', { class: 'servicers' },
    h('header', {}, h('h2', {}, t('servicers'))),
    store.servicers.size > 0
      ? h('ul', {}, [...store.servicers.values()].map(servicerRow))
      : h('p', { class: 'empty' }, t('servicer.none')),
    button([icon('plus'), t('servicer.add')], addServicer, { class: 'quiet add', data: { focus: 'servicer-add' } }));
}

/** receiving, suspended or stopped. */
const statusOf = ({ receiving, suspended }) => (receiving ? 'receiving' : suspended ? 'suspended' : 'stopped');

function servicerRow(servicer) {
  const { userid, receiving, sessions } = servicer;
  return h('li', { class: 'servicer' },
    button([avatar(userid), h('span', { class: 'name' }, userid), h('span', { class: 'dim' }, t('servicer.sessions', { count: sessions }))],
      () => changeServicer(servicer), { class: 'quiet', title: t('servicer.change', { userid }), data: { focus: `settings-${userid}` } }),
    toggle(t(`servicer.${statusOf(servicer)}`), receiving, (on) => act(put(path('servicers', userid), { receiving: on })), { data: { focus: `servicer-${userid}` } }));
}

async function changeServicer(servicer) {
  const { userid, open_kfids: served } = servicer;
  const accounts = [...store.accounts.values()].filter(({ deleted }) => !deleted);
  // What a department serves would become the member's own.
  const changed = (serves) => (serves.join() === served.join() ? {} : { open_kfids: serves });
  await ask(t('servicer.change', { userid }), [
    { name: 'status', label: t('servicer.status'), type: 'select', value: statusOf(servicer), options: ['receiving', 'suspended', 'stopped'].map((status) => [status, t(`servicer.${status}`)]) },
    { name: 'served', label: t('servicer.serves'), type: 'checks', value: served, options: accounts.map(({ open_kfid, name }) => [open_kfid, name]), hint: t('servicer.serves.hint') },
  ], {
    send: t('save'),
    perform: ({ status, served: serves }) => tried(put(path('servicers', userid), { receiving: status === 'receiving', suspended: status === 'suspended', ...changed(serves) })),
  });
}

async function addAccount() {
  await ask(t('account.add'), [{ name: 'name', label: t('name'), maxlength: 16 }], { send: t('add'), validate: named, perform: (values) => tried(post('accounts', values)) });
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
  const values = await ask(t('customer.add'), [
    { name: 'name', label: t('name'), value: NAMES.find((name) => !taken.has(name)) ?? '', maxlength: 64 },
    { name: 'enters', type: 'checkbox', label: t('customer.enters'), value: true },
    { name: 'scene', label: t('scene'), hint: t('scene.hint'), maxlength: 32 },
  ], { send: t('add'), validate: named, perform: (values) => tried(add(values)) });
  if (!values) return;
  store.customers.set(added.external_userid, added);
  look({ customer: added.external_userid, pane: 'chat' });
  if (values.enters) await act(post(path('customers', added.external_userid, 'enter'), { scene: values.scene }));
}

/** What batchget says of a customer, besides the id. */
export async function profile(person) {
  const { gender, avatar, unionid } = person.profile;
  const given = ({ name, gender, ...others }) => ({ ...others, name: name.trim(), gender: Number(gender) });
  await ask(t('profile'), [
    { name: 'name', label: t('name'), value: person.name, maxlength: 64 },
    { name: 'gender', label: t('gender'), type: 'select', value: String(gender), options: ['0', '1', '2'].map((number) => [number, t(`gender.${number}`)]) },
    { name: 'avatar', label: t('avatar'), value: avatar, hint: t('avatar.hint') },
    { name: 'unionid', label: 'unionid', value: unionid, hint: t('unionid.hint') },
  ], { send: t('save'), intro: t('profile.intro'), validate: named, perform: (values) => tried(patch(path('customers', person.external_userid), given(values))) });
}

export async function addServicer() {
  const userid = { name: 'name', label: 'userid', value: store.servicers.has('zhangsan') ? '' : 'zhangsan', maxlength: 64 };
  await ask(t('servicer.add'), [userid], { send: t('add'), validate: named, perform: ({ name }) => tried(put(path('servicers', name.trim()), {})) });
}
