// What the simulator assumes about WeCom: each rule with its status and source. Some can be switched off.

import { act, path, put } from './api.js';
import { byId, fill, h, toggle } from './dom.js';
import { icon } from './icons.js';
import { AREAS } from './lists.js';
import { on, store, view } from './store.js';
import { either, t } from './words.js';

const search = h('input', {
  type: 'search',
  id: 'assumption-search',
  autocomplete: 'off',
  spellcheck: 'false',
  data: { focus: 'assumption-search' },
});
/** The groups that are open, by name. */
const open = new Set(['switchable']);

export function assumptions() {
  search.addEventListener('input', render);
  on('assumptions connection view', render);
}

function render() {
  if (view.tab !== 'assumptions') return;
  const panel = byId('panel-assumptions');
  search.placeholder = t('assumptions.search');
  search.setAttribute('aria-label', t('assumptions.search'));
  // The field itself stays: it may hold a word that is being composed.
  if (!search.isConnected)
    panel.replaceChildren(
      h('p', { class: 'dim lead' }),
      h('label', { class: 'search' }, icon('search'), search),
      h('p', { class: 'dim lead', role: 'status' }),
      h('div', { class: 'groups' }),
    );
  const [lead, , count, groups] = panel.children;
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const found = store.assumptions.filter((rule) => words.every((word) => textOf(rule).includes(word)));
  lead.textContent = t('assumptions.intro');
  count.textContent = words.length > 0 ? t('assumptions.found', { count: found.length }) : '';
  const byName = Map.groupBy(found, groupOf);
  const all = [{ id: 'switchable', title: null }, ...AREAS];
  fill(
    groups,
    all.map(({ id, title }) =>
      byName.has(id)
        ? group(id, title ? either(title) : t('assumptions.switchable'), byName.get(id), words.length > 0)
        : null,
    ),
  );
}

const textOf = ({ id, rule, otherwise, source }) =>
  [rule, otherwise, source].reduce((text, both) => (both ? `${text} ${both.en} ${both.zh}` : text), id).toLowerCase();

/** Those that can be switched off come first; of the others the part of the platform that they are about. */
const groupOf = ({ area, switchable }) => (switchable ? 'switchable' : area);

function group(name, title, rules, isFound) {
  const assumed = rules.filter(({ status }) => status !== 'documented').length;
  const node = h(
    'details',
    { class: 'box', open: isFound || open.has(name), data: { group: name } },
    h(
      'summary',
      {},
      h('h2', {}, title),
      assumed > 0 ? h('span', { class: 'tag unverified' }, t('assumptions.unverified', { count: assumed })) : null,
      rules.length > assumed
        ? h('span', { class: 'tag' }, t('assumptions.documented', { count: rules.length - assumed }))
        : null,
    ),
    h('ul', { class: 'assumptions' }, rules.map(row)),
  );
  node.addEventListener('toggle', () => {
    if (isFound) return;
    if (node.open) open.add(name);
    else open.delete(name);
  });
  return node;
}

function row(rule) {
  const status = h(
    'span',
    { class: rule.status === 'documented' ? 'tag' : 'tag unverified' },
    t(`status.${rule.status}`),
  );
  return h(
    'li',
    {},
    h(
      'div',
      { class: 'grow' },
      h('p', {}, either(rule.rule)),
      rule.otherwise
        ? h('p', { class: 'dim' }, t('assumption.otherwise', { otherwise: either(rule.otherwise) }))
        : null,
      h(
        'p',
        { class: 'dim' },
        `${t('source', { source: either(rule.source) })} · `,
        rule.switchable ? `${t(`status.${rule.status}`)} · ` : '',
        h('code', {}, rule.id),
      ),
    ),
    rule.switchable
      ? toggle(
          t(rule.holds ? 'assumption.holds' : 'assumption.not'),
          rule.holds,
          (holds) => act(put(path('assumptions', rule.id), { holds })),
          { data: { focus: `assumption-${rule.id}` } },
        )
      : status,
  );
}
