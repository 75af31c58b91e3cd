// How to connect a bot: the variables of its environment, and what to paste.

import { show } from './dialog.js';
import { button, copyButton, h } from './dom.js';
import { store } from './store.js';
import { t } from './words.js';

export function connect() {
  const { info } = store;
  const dialog = h(
    'dialog',
    { class: 'connect', 'aria-labelledby': 'connect-title' },
    h('h2', { id: 'connect-title' }, t('connect')),
    h('p', { class: 'dim' }, t('connect.intro')),
    h(
      'dl',
      { class: 'vars' },
      info.vars.map(({ name, value }) => [
        h('dt', {}, h('code', {}, name)),
        h('dd', {}, h('code', {}, value), copyButton(value, name)),
      ]),
    ),
    h('h3', {}, t('connect.paste')),
    commands(info),
    h(
      'div',
      { class: 'actions' },
      copyButton(info.vars.map(({ name, value }) => `${name}=${value}`).join('\n'), t('connect.env'), ''),
      button(t('close'), () => dialog.close(), { class: 'primary' }),
    ),
  );
  show(dialog);
}

/** A command or a few lines for each way, the first of them open. */
export const commands = (info) =>
  h(
    'div',
    { class: 'commands' },
    info.point.map(({ title, text }, place) =>
      h(
        'details',
        { open: place === 0 },
        h('summary', {}, title),
        h('div', { class: 'lines' }, h('pre', { tabindex: 0 }, text), copyButton(text, title)),
      ),
    ),
  );
