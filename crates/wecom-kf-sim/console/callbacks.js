// Where callbacks go, and the last of them.

import { act, del, post, put, tried } from './api.js';
import { ask } from './dialog.js';
import { button, byId, fill, h } from './dom.js';
import { icon } from './icons.js';
import { lightRow } from './journal.js';
import { outcomeOf } from './rows.js';
import { on, store, view } from './store.js';
import { clockTime } from './time.js';
import { either, t } from './words.js';

const SHOWN = 30;

export function callbacks() {
  on('callback journal connection view', render);
}

function render() {
  const { callback } = store;
  if (!callback || view.tab !== 'callbacks') return;
  const rows = store.journal
    .filter(({ kind }) => kind === 'callback')
    .slice(-SHOWN)
    .reverse();
  fill(
    byId('panel-callbacks'),
    settings(callback),
    h(
      'section',
      { class: 'box' },
      h('header', {}, icon('list'), h('h2', {}, t('callbacks.last'))),
      rows.length === 0
        ? h('p', { class: 'hint' }, t('callbacks.none'))
        : h('ul', { class: 'callback-rows' }, rows.map(line)),
    ),
  );
}

function settings({ url, token_set, aes_key_set }) {
  return h(
    'section',
    { class: 'box' },
    h('header', {}, icon('link'), h('h2', {}, t('callbacks.url'))),
    h('p', {}, url ? h('code', {}, url) : h('span', { class: 'dim' }, t('callbacks.off'))),
    h(
      'p',
      { class: 'dim' },
      `Token ${t(token_set ? 'set' : 'unset')} · EncodingAESKey ${t(aes_key_set ? 'set' : 'unset')}`,
    ),
    h(
      'div',
      { class: 'actions' },
      button(t('callbacks.set'), set, { class: url ? '' : 'primary', data: { focus: 'callback-set' } }),
      url ? button([icon('check'), t('callbacks.verify')], verify, { data: { focus: 'callback-verify' } }) : null,
      url ? button(t('callbacks.unset'), () => act(del('callback')), { data: { focus: 'callback-unset' } }) : null,
    ),
  );
}

function line(row) {
  const isWell = row.problem === null && row.status === 200;
  const why = either(row.problem) || row.fault;
  return h(
    'li',
    { class: isWell ? '' : 'failed' },
    h(
      'div',
      { class: 'line' },
      h('time', { class: 'dim' }, clockTime(row.at)),
      h('span', { class: 'op' }, row.operation),
      row.attempt > 1 ? h('span', { class: 'tag' }, t('journal.attempt', { attempt: row.attempt })) : null,
      h('span', { class: `outcome ${isWell ? 'ok' : 'bad'}` }, outcomeOf(row)),
      row.operation === 'verify_url'
        ? null
        : button(
            [icon('repeat'), h('span', { class: 'sr' }, t('callback.repeat'))],
            () => act(post(`callbacks/${row.n}/repeat`)),
            { class: 'quiet small', title: t('callback.repeat'), data: { focus: `again-${row.n}` } },
          ),
      button(`#${row.n}`, () => lightRow(row.n), {
        class: 'quiet small',
        label: t('row.show', { n: row.n }),
        data: { focus: `callback-${row.n}` },
      }),
    ),
    why ? h('p', { class: isWell ? 'dim' : 'bad' }, why) : null,
  );
}

async function set() {
  const given = (values) => Object.fromEntries(Object.entries(values).filter(([, value]) => value.trim() !== ''));
  await ask(
    t('callbacks.set'),
    [
      { name: 'url', label: 'URL', value: store.callback.url ?? 'http://127.0.0.1:8080/callback' },
      { name: 'token', label: 'Token', hint: t('callbacks.token.hint'), maxlength: 32 },
      { name: 'encoding_aes_key', label: 'EncodingAESKey', hint: t('callbacks.key.hint'), maxlength: 43 },
    ],
    { send: t('callbacks.set'), perform: (values) => tried(put('callback', given(values))) },
  );
}

async function verify() {
  const row = await act(post('callback/verify'));
  if (row) lightRow(row.n);
}
