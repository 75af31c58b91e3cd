// What the simulator believes of the platform, each rule with its source; those that are not verified can be switched.

import { act, path, put } from './api.js';
import { byId, fill, h, icon, toggle } from './dom.js';
import { on, store, view } from './store.js';
import { either, t } from './words.js';

export function beliefs() {
  on('beliefs connection view', render);
}

function render() {
  if (view.tab !== 'beliefs') return;
  const { beliefs } = store;
  const doubted = beliefs.filter(({ verified }) => !verified);
  const known = beliefs.filter(({ verified }) => verified);
  fill(byId('panel-beliefs'), h('p', { class: 'dim lead' }, t('beliefs.intro')), part('beliefs.unverified', 'warn', doubted), part('beliefs.verified', 'check', known));
}

function part(title, symbol, rules) {
  if (rules.length === 0) return null;
  return h('section', { class: 'box' }, h('header', {}, icon(symbol), h('h2', {}, t(title)), h('span', { class: 'tag' }, String(rules.length))), h('ul', { class: 'beliefs' }, rules.map(rule)));
}

function rule(belief) {
  return h('li', {}, h('div', { class: 'grow' }, h('p', {}, either(belief.rule)), h('p', { class: 'dim' }, `${t('source')} ${belief.source} · `, h('code', {}, belief.id))),
    belief.switchable ? toggle(t(belief.holds ? 'belief.holds' : 'belief.not'), belief.holds, (holds) => act(put(path('beliefs', belief.id), { holds })), { data: { focus: `belief-${belief.id}` } }) : null);
}
