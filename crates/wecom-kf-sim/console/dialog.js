// Dialogs: one that asks for some values, and how any of them opens and closes.

import { button, find, focused, h, toast } from './dom.js';
import { t } from './words.js';

/**
 * Asks for some values; gives null if nobody wants to. `validate` says in words what is wrong with them, or null; so does
 * `perform`, later: it does what they are for, and while that cannot be done the form stays as it was filled in.
 *
 * Fields: `name`, `label`, `value`, and `type` (text, textarea, number, select with `options` of [value, label], checkbox,
 * checks with `options` and a list for its value, file with `accept`). One with `when`, which is told the values, is only
 * there while it says so; otherwise it gives no value. `{ title }` is a heading between them.
 *
 * @param {string} title
 * @param {any[]} fields
 * @param {{ send?: string, intro?: string, validate?: (values: any) => string | null, perform?: (values: any) => Promise<string | null> }} options
 * @returns {Promise<any>}
 */
export function ask(title, fields, { send, intro, validate, perform } = {}) {
  return new Promise((resolve) => {
    const rows = fields.map(row);
    const values = () =>
      Object.fromEntries(rows.filter(({ node, read }) => read && !node.hidden).map(({ name, read }) => [name, read()]));
    const arrange = () => {
      for (const { node, when } of rows) if (when) node.hidden = !when(values());
    };
    const error = h('p', { class: 'error', role: 'alert' });
    const form = h(
      'form',
      { method: 'dialog', novalidate: true },
      h('h2', { id: 'ask-title' }, title),
      intro ? h('p', { class: 'dim' }, intro) : null,
      rows.map(({ node }) => node),
      error,
      h(
        'div',
        { class: 'actions' },
        button(t('cancel'), () => dialog.close(), { class: 'quiet' }),
        h('button', { type: 'submit', class: 'primary' }, send ?? t('ok')),
      ),
    );
    const dialog = h('dialog', { 'aria-labelledby': 'ask-title' }, form);
    let isBusy = false;
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      if (isBusy) return;
      isBusy = true;
      error.textContent = '';
      const given = values();
      const problem = validate?.(given) ?? (await perform?.(given));
      isBusy = false;
      if (problem && !dialog.open) toast(problem, 'refused');
      error.textContent = problem ?? '';
      if (problem) return;
      resolve(given);
      dialog.close();
    });
    form.addEventListener('change', arrange);
    arrange();
    show(dialog, () => resolve(null));
  });
}

/** What stands in the form for a field, and how its value is read. */
function row(field) {
  const { name, label, title, type = 'text', value, options, hint, when } = field;
  if (title) return { node: h('h3', {}, title), when };
  const id = `ask-${name}`;
  const note = hint ? h('p', { class: 'dim', id: `${id}-hint` }, hint) : null;
  const props = {
    id,
    name,
    autocomplete: 'off',
    maxlength: field.maxlength,
    'aria-describedby': note?.id,
    data: { focus: id },
  };
  if (type === 'checkbox') {
    const input = h('input', { ...props, type, checked: value });
    return {
      name,
      when,
      read: () => input.checked,
      node: h('div', { class: 'field' }, h('label', { class: 'check' }, input, ` ${label}`), note),
    };
  }
  if (type === 'checks') {
    const boxes = options.map(([option, words]) => ({
      option,
      words,
      input: h('input', { type: 'checkbox', name, checked: value.includes(option) }),
    }));
    const node = h(
      'fieldset',
      { class: 'field', 'aria-describedby': note?.id },
      h('legend', {}, label),
      boxes.map(({ words, input }) => h('label', { class: 'check' }, input, ` ${words}`)),
      note,
    );
    return { name, when, node, read: () => boxes.filter(({ input }) => input.checked).map(({ option }) => option) };
  }
  let input;
  if (type === 'textarea')
    input = h('textarea', {
      ...props,
      rows: field.rows ?? 6,
      class: field.class,
      spellcheck: 'false',
      value: value ?? '',
    });
  else if (type === 'select')
    input = h(
      'select',
      props,
      options.map(([option, words]) => h('option', { value: option, selected: option === value }, words)),
    );
  else if (type === 'file') input = h('input', { ...props, type, accept: field.accept });
  else input = h('input', { ...props, type, step: 'any', value: value ?? '' });
  const read = () => (type === 'file' ? (input.files[0] ?? null) : input.value);
  return { name, when, read, node: h('div', { class: 'field' }, h('label', { for: id }, label), input, note) };
}

/** Shows a dialog until it is closed. Escape and a press beside it close it too. */
export function show(dialog, onClose) {
  const opener = focused()?.dataset.focus;
  dialog.addEventListener('close', () => {
    dialog.remove();
    onClose?.();
    // The browser gives the focus back to what had it, unless that was made anew meanwhile.
    if (opener && document.activeElement === document.body) find(document, opener)?.focus();
  });
  dialog.addEventListener('mousedown', (event) => {
    if (event.target === dialog) dialog.close();
  });
  document.body.append(dialog);
  dialog.showModal();
  (dialog.querySelector('input:not([type=checkbox]), textarea, select') ?? dialog.querySelector('button'))?.focus();
}
