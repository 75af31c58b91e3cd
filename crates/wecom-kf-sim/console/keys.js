// The keyboard. Single keys are off while somebody types, and by a switch.

import { look } from './address.js';
import { focusBox } from './compose.js';
import { show } from './dialog.js';
import { button, byId, focused, h, toggle } from './dom.js';
import { focusFilter, moveRow } from './journal.js';
import { showPanes } from './panes.js';
import { addCustomer } from './people.js';
import { customersOf, store, view } from './store.js';
import { store as keep, stored, t } from './words.js';

const MAP = [
  ['?', 'keys.help'],
  ['/', 'keys.filter'],
  ['j k', 'keys.rows'],
  ['Enter', 'keys.expand'],
  ['c', 'keys.write'],
  ['[ ]', 'keys.customers'],
  ['n', 'keys.new'],
  ['t', 'keys.clock'],
  ['Esc', 'keys.back'],
  ['Shift Enter', 'keys.break'],
];

const areOn = () => stored('keys') !== 'off';

export function keys() {
  addEventListener('keydown', (event) => {
    if (
      event.defaultPrevented ||
      event.ctrlKey ||
      event.metaKey ||
      event.altKey ||
      document.querySelector('dialog[open]')
    )
      return;
    if (event.key === 'Escape') return back();
    if (isTyping(event.target) || !areOn()) return;
    const doIt = KEYS[event.key];
    if (!doIt) return;
    event.preventDefault();
    doIt();
  });
}

const isTyping = (node) => node.closest?.('input:not([type=checkbox]), textarea, select, [contenteditable]') !== null;

const KEYS = {
  '?': help,
  '/': () => {
    toJournal();
    focusFilter();
  },
  j: () => {
    toJournal();
    moveRow(1);
  },
  k: () => {
    toJournal();
    moveRow(-1);
  },
  c: () => {
    look({ pane: 'chat' }, false);
    setTimeout(focusBox, 30);
  },
  '[': () => step(-1),
  ']': () => step(1),
  n: () => addCustomer(),
  t: () => byId('clock')?.focus(),
};

function toJournal() {
  look({ tab: 'journal', pane: 'journal' }, false);
  // Before the focus goes there, not soon.
  showPanes();
}

/** To the next customer, or the one before. */
function step(by) {
  const ids = [...store.accounts.keys()].flatMap(customersOf).map(({ external_userid }) => external_userid);
  if (ids.length === 0) return;
  const at = ids.indexOf(view.customer);
  look({ customer: ids[(Math.max(at, by > 0 ? at : 0) + by + ids.length) % ids.length], pane: 'chat' });
}

function back() {
  const node = focused();
  if (node && node !== document.body) node.blur();
  else if (view.pane !== 'people') look({ pane: 'people' });
}

export function help() {
  const flip = (on) => {
    keep('keys', on ? null : 'off');
    dialog.querySelector('.switch').setAttribute('aria-checked', String(on));
  };
  const dialog = h(
    'dialog',
    { class: 'help', 'aria-labelledby': 'help-title' },
    h('h2', { id: 'help-title' }, t('help')),
    h('p', { class: 'dim' }, t('help.text')),
    h(
      'dl',
      { class: 'keys' },
      MAP.map(([names, what]) => [
        h(
          'dt',
          {},
          names.split(' ').map((name) => h('kbd', {}, name)),
        ),
        h('dd', {}, t(what)),
      ]),
    ),
    toggle(t('keys.switch'), areOn(), () => flip(!areOn())),
    h(
      'p',
      { class: 'dim' },
      `wecom-kf-sim ${store.info?.version ?? ''} · corp ${store.corpId ?? ''} · seed ${store.info?.seed ?? '–'} · ${store.info?.strictness ?? ''} · `,
      h('a', { href: '/sim/v1/openapi.yaml', target: '_blank' }, 'openapi.yaml'),
    ),
    h(
      'div',
      { class: 'actions' },
      button(t('close'), () => dialog.close(), { class: 'primary' }),
    ),
  );
  show(dialog);
}
