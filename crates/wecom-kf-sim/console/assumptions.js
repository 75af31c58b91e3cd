// What the simulator assumes about WeCom: each rule with its source. Rules that are not verified can be switched.

import { act, path, put } from './api.js';
import { byId, fill, h, toggle } from './dom.js';
import { icon } from './icons.js';
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
  const names = [...byName.keys()].sort(
    (one, other) => rank(one) - rank(other) || titleOf(one).localeCompare(titleOf(other)),
  );
  fill(
    groups,
    names.map((name) => group(name, byName.get(name), words.length > 0)),
  );
}

const titleOf = (name) => t(`area.${name}`);

const textOf = ({ id, rule, source }) => `${id} ${rule.en} ${rule.zh} ${source}`.toLowerCase();

/** Those that can be switched come first; of the others the part of the platform that they are about. */
const groupOf = ({ id, switchable }) => (switchable ? 'switchable' : id.replace(/[_ ]*\d+$/, ''));
const rank = (name) => (name === 'switchable' ? 0 : 1);

function group(name, rules, isFound) {
  const doubted = rules.filter(({ verified }) => !verified).length;
  const node = h(
    'details',
    { class: 'box', open: isFound || open.has(name), data: { group: name } },
    h(
      'summary',
      {},
      h('h2', {}, titleOf(name)),
      doubted > 0 ? h('span', { class: 'tag doubted' }, t('assumptions.unverified', { count: doubted })) : null,
      rules.length > doubted
        ? h('span', { class: 'tag' }, t('assumptions.verified', { count: rules.length - doubted }))
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
  const status = rule.switchable
    ? null
    : h(
        'span',
        { class: rule.verified ? 'tag' : 'tag doubted' },
        t(rule.verified ? 'assumption.verified' : 'assumption.unverified'),
      );
  return h(
    'li',
    {},
    h(
      'div',
      { class: 'grow' },
      h('p', {}, either(rule.rule)),
      h('p', { class: 'dim' }, `${t('source', { source: rule.source })} · `, h('code', {}, rule.id)),
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
