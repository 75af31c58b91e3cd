// Mistakes of the bot's: what was seen, what to do, and where the rule is from.

import { look } from './address.js';
import { button, byId, fill, h } from './dom.js';
import { icon } from './icons.js';
import { lightRow } from './journal.js';
import { nameOf, on, store, view } from './store.js';
import { clockTime } from './time.js';
import { either, t } from './words.js';

export function findings() {
  on('findings connection names view', render);
  // How many calls there were is only said while there is nothing else to say.
  on('journal', () => store.findings.size === 0 && render());
}

function render() {
  if (view.tab !== 'findings') return;
  const list = [...store.findings.values()].sort((one, other) => other.at - one.at);
  if (list.length === 0)
    return fill(
      byId('panel-findings'),
      h('p', { class: 'hint' }, icon('check', 'big ok'), t('findings.none', { count: store.calls })),
    );
  fill(byId('panel-findings'), list.map(card));
}

function card(finding) {
  return h(
    'article',
    { class: 'box finding' },
    h(
      'header',
      {},
      icon('flag'),
      h('h2', {}, finding.name),
      finding.count > 1 ? h('span', { class: 'tag' }, `× ${finding.count}`) : null,
      h('span', { class: 'dim when' }, finding.customer ? `${nameOf(finding.customer)} · ` : '', clockTime(finding.at)),
    ),
    h('p', { class: 'strong' }, either(finding.title)),
    h('p', { class: 'dim' }, either(finding.proof)),
    h('p', { class: 'remedy' }, icon('check'), t('do', { what: either(finding.remedy) })),
    h(
      'footer',
      {},
      h('span', { class: 'dim' }, t('source', { source: either(finding.source) })),
      finding.entries.slice(-4).map((n) =>
        button(`#${n}`, () => lightRow(n), {
          class: 'quiet small',
          label: t('row.show', { n }),
          data: { focus: `finding-${finding.id}-${n}` },
        }),
      ),
      finding.customer && store.customers.has(finding.customer)
        ? button([icon('chat'), nameOf(finding.customer)], () => look({ customer: finding.customer, pane: 'chat' }), {
            class: 'quiet small',
          })
        : null,
    ),
  );
}
