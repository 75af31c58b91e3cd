// Which pane and which of the right pane's tabs is in sight.

import { look } from './address.js';
import { button, byId, fill, h } from './dom.js';
import { icon } from './icons.js';
import { on, store, unread, view } from './store.js';
import { t } from './words.js';

const TABS = ['journal', 'findings', 'faults', 'callbacks', 'assumptions'];
/** The phone's panes; the last two are parts of the right one. */
const PANES = [
  ['people', 'people'],
  ['chat', 'chat'],
  ['journal', 'list'],
  ['controls', 'sliders'],
];
const OF_PANE = { journal: ['journal', 'findings'], controls: ['faults', 'callbacks', 'assumptions'] };

export function panes() {
  on('view findings faults connection people', showPanes);
  byId('side-tabs').addEventListener('keydown', arrows);
}

export function showPanes() {
  if (!TABS.includes(view.tab)) view.tab = 'journal';
  if (!PANES.some(([pane]) => pane === view.pane)) view.pane = 'people';
  document.body.dataset.pane = view.pane;
  document.body.dataset.tab = view.tab;
  fill(byId('side-tabs'), TABS.map(tab));
  for (const name of TABS) byId(`panel-${name}`).hidden = name !== view.tab;
  fill(byId('phone-tabs'), PANES.map(phoneTab));
}

function tab(name) {
  const isOn = name === view.tab;
  const number =
    { findings: store.findings.size, faults: store.faults.filter(({ active }) => active).length }[name] ?? 0;
  return button(
    [t(`tab.${name}`), number > 0 ? h('span', { class: `badge ${name}` }, String(number)) : null],
    () => look({ tab: name }),
    {
      role: 'tab',
      id: `tab-${name}`,
      'aria-selected': String(isOn),
      'aria-controls': `panel-${name}`,
      tabindex: isOn ? 0 : -1,
      class: OF_PANE.journal.includes(name) ? 'of-journal' : 'of-controls',
      data: { focus: `tab-${name}`, tab: name },
    },
  );
}

/** Left and right move between tabs, as tablists do. */
function arrows(event) {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!step) return;
  const shown = TABS.filter((name) => byId(`tab-${name}`).offsetParent !== null);
  const next = shown[(shown.indexOf(view.tab) + step + shown.length) % shown.length];
  event.preventDefault();
  look({ tab: next });
  // The tabs are made anew soon, and focus stays with its name.
  byId(`tab-${next}`).focus();
}

function phoneTab([name, symbol]) {
  const number = name === 'people' ? unread() : name === 'journal' ? store.findings.size : 0;
  const go = () => {
    const tabs = OF_PANE[name];
    look(tabs && !tabs.includes(view.tab) ? { pane: name, tab: tabs[0] } : { pane: name });
  };
  return button(
    [
      icon(symbol),
      h('span', {}, t(`pane.${name}`)),
      number > 0 ? h('span', { class: `badge ${name === 'journal' ? 'findings' : ''}` }, String(number)) : null,
    ],
    go,
    { 'aria-current': view.pane === name ? 'page' : null, data: { focus: `pane-${name}` } },
  );
}
