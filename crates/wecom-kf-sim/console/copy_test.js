// "Copy as test": a chat as a test in one of several languages, to look at and to copy.

import { show } from './dialog.js';
import { button, copy, h } from './dom.js';
import { icon } from './icons.js';
import { store } from './store.js';
import { nodeTest } from './test_node.js';
import { pythonTest } from './test_python.js';
import { rustTest } from './test_rust.js';
import { scenario } from './test_scenario.js';
import { planOf } from './test_steps.js';
import { store as storeChoice, stored, t } from './words.js';

const FORMATS = [
  { name: 'rust', make: rustTest },
  { name: 'pytest', make: pythonTest },
  { name: 'node', make: nodeTest },
  { name: 'scenario', make: scenario },
];

/** Asks for the language, which stays chosen, and shows the test. */
export function askForTest(person, entries) {
  const plan = planOf(person, entries, store);
  const chosen = stored('test-format');
  let format = FORMATS.find(({ name }) => name === chosen) ?? FORMATS[0];
  const code = h('pre', { class: 'test-code', tabindex: 0, 'aria-label': t('copy_test') });
  const note = h('p', { class: 'dim' });
  const choose = (next) => {
    format = next;
    storeChoice('test-format', format.name);
    code.textContent = format.make(plan);
    note.textContent = t(`copy_test.${format.name}.hint`);
  };
  const choices = FORMATS.map((next) =>
    h(
      'label',
      { class: 'choice' },
      h('input', {
        type: 'radio',
        name: 'format',
        value: next.name,
        checked: next === format,
        data: { focus: `format-${next.name}` },
        on: { change: () => choose(next) },
      }),
      h('span', {}, t(`copy_test.${next.name}`)),
    ),
  );
  choose(format);
  const dialog = h(
    'dialog',
    { class: 'copy-test', 'aria-labelledby': 'copy-test-title' },
    h('h2', { id: 'copy-test-title' }, t('copy_test')),
    h('p', { class: 'dim' }, t('copy_test.intro')),
    h('fieldset', { class: 'choices' }, h('legend', { class: 'sr' }, t('copy_test.format')), choices),
    note,
    code,
    h(
      'div',
      { class: 'actions' },
      button(t('close'), () => dialog.close(), { class: 'quiet' }),
      button([icon('copy'), t('copy')], () => copy(code.textContent, t(`copy_test.${format.name}`)), {
        class: 'primary',
        data: { focus: 'copy-test-copy' },
      }),
    ),
  );
  show(dialog);
}
