// Elements. Text only ever becomes a text node: nothing in the console parses HTML, and the page's Content-Security-Policy
// has the browser refuse it too.

import { t } from './words.js';

const SVG = 'http://www.w3.org/2000/svg';

/** An element with properties and children. `on` has listeners, `data` data attributes; null and false are left out. */
export function h(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) set(node, name, value);
  node.append(...present(children));
  return node;
}

const present = (children) => children.flat(3).filter((child) => child !== null && child !== undefined && child !== false);

function set(node, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name === 'on') {
    for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
  } else if (name === 'data') {
    Object.assign(node.dataset, value);
  } else if (name === 'value') {
    node.value = value;
  } else if (name === 'checked') {
    node.checked = true;
  } else {
    node.setAttribute(name, value === true ? '' : value);
  }
}

export const byId = (id) => document.getElementById(id);

const ICONS = {
  copy: 'M9 9h10v11H9zM5 15V4h10',
  plus: 'M12 5v14M5 12h14',
  send: 'M4 12 20 4l-5 16-3.5-6.500zM11.5 13.5 20 4',
  sun: 'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.400M17.6 17.6 19 19M19 5l-1.4 1.400M6.4 17.6 5 19',
  moon: 'M20 14.500A8.5 8.5 0 1 1 9.5 4a7 7 0 0 0 10.5 10.500z',
  auto: 'M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18',
  language: 'M4 6h9M8.5 4v2M11 6c-.6 3.6-3 6.6-6.5 8.500M6 9.500c1.5 2.5 3.5 4 6 5M12 20l4.5-10L21 20M13.6 16.500h5.8',
  help: 'M9 9a3 3 0 1 1 4.5 2.600c-1 .6-1.5 1.2-1.5 2.400M12 17.500v.1M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z',
  search: 'M11 5a6 6 0 1 0 0 12 6 6 0 0 0 0-12zM20 20l-4.7-4.7',
  repeat: 'M4 11a7 7 0 0 1 12-4.500L19 9M19 4v5h-5M20 13a7 7 0 0 1-12 4.500L5 15M5 20v-5h5',
  close: 'M6 6l12 12M18 6 6 18',
  pencil: 'M4 20l1-4L16 5l3 3L8 19zM14 7l3 3',
  enter: 'M13 4h6v16h-6M4 12h11M11 8l4 4-4 4',
  person: 'M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM4.5 20c1-4 4-5.5 7.5-5.500s6.5 1.5 7.5 5.5',
  bot: 'M5 9h14v10H5zM12 9V5M12 4.5v.1M9 13.2v1.6M15 13.2v1.6M2.5 13v3M21.5 13v3',
  people: 'M9 5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7zM2.5 19c.8-3.5 3.3-4.8 6.5-4.800s5.7 1.3 6.5 4.800M16 5.300a3.5 3.5 0 0 1 0 6.400M18 14.700c2 .6 3.2 2 3.7 4.3',
  chat: 'M4 5h16v11h-9l-4 4v-4H4z',
  list: 'M8 6h12M8 12h12M8 18h12M4 6h.1M4 12h.1M4 18h.1',
  sliders: 'M4 7h9M17 7h3M4 17h3M11 17h9M15 5v4M9 15v4',
  pin: 'M12 21c4-5 6.5-8 6.5-11.500a6.5 6.5 0 0 0-13 0C5.5 13 8 16 12 21zM12 7.500a2 2 0 1 0 0 4 2 2 0 0 0 0-4z',
  file: 'M6 3h8l4 4v14H6zM14 3v4h4',
  play: 'M8 5l11 7-11 7z',
  pause: 'M8 5v14M16 5v14',
  voice: 'M5 10v4M9 7v10M13 4v16M17 8v8M21 11v2',
  image: 'M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.5 8.500h.1',
  link: 'M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1',
  out: 'M9 5H5v14h14v-4M13 4h7v7M20 4l-9 9',
  app: 'M8 13a3 3 0 1 0 3 3V8a3 3 0 1 1 3 3M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z',
  card: 'M3 6h18v12H3zM8.5 9.500a1.7 1.7 0 1 0 0 3.4 1.7 1.7 0 0 0 0-3.400zM5.5 16c.5-1.5 1.6-2 3-2s2.5.5 3 2M14 10h4M14 13.500h4',
  cart: 'M3 4h3l2.5 11h9L20 7H7M10 19h.1M17 19h.1',
  code: 'M8 7l-5 5 5 5M16 7l5 5-5 5M13.5 5l-3 14',
  key: 'M8 11a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM11 12l8-8M16 7l3 3',
  bolt: 'M13 3 5 13.500h6L10 21l9-11h-6z',
  flag: 'M6 21V4M6 5h11l-2 4 2 4H6',
  clock: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 7v5l3.5 2',
  right: 'M4 12h16M14 6l6 6-6 6',
  left: 'M20 12h-3M14 12h-3M8 12H4M10 6l-6 6 6 6',
  down: 'M6 9l6 6 6-6',
  chevron: 'M9 6l6 6-6 6',
  undo: 'M8 5 4 9l4 4M4 9h10a5 5 0 0 1 0 10h-4',
  check: 'M5 12.5 10 17.5 19.5 7',
  warn: 'M12 4 2.5 20h19zM12 10v4.500M12 17.300v.1',
  trash: 'M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13M10.5 11v5M13.5 11v5',
  reset: 'M5 5v5h5M5.5 10A7.5 7.5 0 1 1 5 14',
  corp: 'M5 21V4h9v17M14 9h5v12M3 21h18M8 8h.1M11 8h.1M8 12h.1M11 12h.1M8 16h.1M11 16h.1',
  star: 'M12 4l2.500 5.100 5.600.8-4 4 .9 5.600-5-2.700-5 2.700.9-5.600-4-4 5.600-.8z',
  calendar: 'M4 6h16v14H4zM4 10h16M8 3v4M16 3v4',
  video: 'M3 6h12v12H3zM15 10.5 21 7v10l-6-3.500z',
};

/** A drawing for those who see it; the words beside it, or the button's label, are for everybody. */
export function icon(name, className = '') {
  const node = document.createElementNS(SVG, 'svg');
  node.setAttribute('viewBox', '0 0 24 24');
  node.setAttribute('class', `icon ${className}`);
  node.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', ICONS[name]);
  node.append(path);
  return node;
}

const SHAPES = [
  // One for each state: hollow circle, diamond, triangle, full circle, square.
  'M8 2.800a5.2 5.2 0 1 0 0 10.400A5.2 5.2 0 0 0 8 2.800z',
  'M8 1.5 14.5 8 8 14.5 1.5 8z',
  'M8 2.5 15 14H1z',
  'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2z',
  'M2.5 2.500h11v11h-11z',
];

/** A session's state: word, number, shape and colour, so that none of them is needed alone. */
export function chip(session, compact) {
  const shape = document.createElementNS(SVG, 'svg');
  shape.setAttribute('viewBox', '0 0 16 16');
  shape.setAttribute('class', 'shape');
  shape.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', SHAPES[session.state] ?? SHAPES[0]);
  shape.append(path);
  const who = session.servicer_userid && !compact ? ` ${session.servicer_userid}` : '';
  return h('span', { class: 'chip', data: { state: session.state } }, shape, `${session.state} ${t(`state.${session.state}`)}${who}`);
}

/** A button. `label` is what it is called if its content does not say so. */
export function button(content, onClick, props = {}) {
  const { label, ...rest } = props;
  return h('button', { type: 'button', 'aria-label': label, title: label, on: { click: onClick }, ...rest }, content);
}

/** A switch that is on or off. */
export function toggle(label, isOn, onChange, props = {}) {
  return h('button', { type: 'button', class: 'switch', role: 'switch', 'aria-checked': isOn ? 'true' : 'false', on: { click: () => onChange(!isOn) }, ...props },
    h('span', { class: 'knob', 'aria-hidden': 'true' }), h('span', {}, label));
}

/**
 * Makes the children of `parent` those of `items`, in their order. A child is made anew only where `version` changed; the
 * focus stays with its `data-focus`.
 */
export function keyed(parent, items, { key, version, make }) {
  const focused = focusIn(parent);
  const before = parent.rowsByKey ?? new Map();
  const after = new Map();
  for (const item of items) {
    const [id, current] = [key(item), version(item)];
    const row = before.get(id);
    after.set(id, row?.version === current ? row : { node: make(item), version: current });
  }
  for (const [id, { node }] of before) if (after.get(id)?.node !== node) node.remove();
  let place = parent.firstChild;
  for (const { node } of after.values()) {
    if (node === place) place = place.nextSibling;
    else parent.insertBefore(node, place);
  }
  // Whatever else was put there: a line for nothing must not outlive the nothing.
  while (place) {
    const stray = place;
    place = place.nextSibling;
    stray.remove();
  }
  parent.rowsByKey = after;
  refocus(parent, focused);
}

/** Forgets what `keyed` made, so that everything is made anew. */
export function unkey(parent) {
  parent.replaceChildren();
  parent.rowsByKey = new Map();
}

/** Replaces the children of `parent`; the focus stays with its `data-focus`. */
export function fill(parent, ...children) {
  const focused = focusIn(parent);
  parent.replaceChildren(...present(children));
  refocus(parent, focused);
}

const focusIn = (parent) => (parent.contains(document.activeElement) ? document.activeElement.dataset.focus : undefined);

function refocus(parent, focused) {
  if (focused === undefined || parent.contains(document.activeElement)) return;
  parent.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

/** A line that goes away by itself. A refusal stays until it is closed. */
export function toast(text, kind = 'done') {
  const close = button(icon('close'), () => node.remove(), { class: 'quiet', label: t('close') });
  const node = h('div', { class: `toast ${kind}` }, icon(kind === 'refused' ? 'warn' : 'check'), h('p', {}, text), close);
  byId('toasts').append(node);
  while (byId('toasts').children.length > 4) byId('toasts').firstChild.remove();
  setTimeout(() => node.remove(), kind === 'refused' ? 12_000 : 2_500);
}

export async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without the permission, or on a page that is not the foremost one: the old way.
    const area = h('textarea', { class: 'offscreen', value: text, 'aria-hidden': 'true' });
    const back = document.activeElement;
    (document.querySelector('dialog[open]') ?? document.body).append(area);
    area.select();
    document.execCommand('copy');
    area.remove();
    back?.focus?.();
  }
  toast(t('copied', { what }));
}

export function copyButton(text, what, className = 'quiet small') {
  return button([icon('copy'), h('span', { class: 'sr' }, t('copy.what', { what }))], () => copy(text, what), { class: className, title: t('copy.what', { what }) });
}

/**
 * Asks for some values; gives null if nobody wants to. `validate` says in words what is wrong with them, or null; so does
 * `perform`, later: it does what they are for, and while that cannot be done the form stays as it was filled in.
 *
 * Fields: `name`, `label`, `value`, and `type` (text, textarea, number, select with `options` of [value, label], checkbox,
 * checks with `options` and a list for its value, file with `accept`). One with `when`, which is told the values, is only
 * there while it says so; otherwise it gives no value. `{ title }` is a heading between them.
 */
export function ask(title, fields, { send, intro, validate, perform } = {}) {
  return new Promise((resolve) => {
    const rows = fields.map(row);
    const values = () => Object.fromEntries(rows.filter(({ node, read }) => read && !node.hidden).map(({ name, read }) => [name, read()]));
    const arrange = () => {
      for (const { node, when } of rows) if (when) node.hidden = !when(values());
    };
    const error = h('p', { class: 'error', role: 'alert' });
    const form = h('form', { method: 'dialog', novalidate: true },
      h('h2', { id: 'ask-title' }, title),
      intro ? h('p', { class: 'dim' }, intro) : null,
      rows.map(({ node }) => node),
      error,
      h('div', { class: 'actions' },
        button(t('cancel'), () => dialog.close(), { class: 'quiet' }),
        h('button', { type: 'submit', class: 'primary' }, send ?? t('ok'))));
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
  const props = { id, name, autocomplete: 'off', maxlength: field.maxlength, 'aria-describedby': note?.id, data: { focus: id } };
  if (type === 'checkbox') {
    const input = h('input', { ...props, type, checked: value });
    return { name, when, read: () => input.checked, node: h('div', { class: 'field' }, h('label', { class: 'check' }, input, ` ${label}`), note) };
  }
  if (type === 'checks') {
    const boxes = options.map(([option, words]) => ({ option, words, input: h('input', { type: 'checkbox', name, checked: value.includes(option) }) }));
    const node = h('fieldset', { class: 'field', 'aria-describedby': note?.id }, h('legend', {}, label), boxes.map(({ words, input }) => h('label', { class: 'check' }, input, ` ${words}`)), note);
    return { name, when, node, read: () => boxes.filter(({ input }) => input.checked).map(({ option }) => option) };
  }
  let input;
  if (type === 'textarea') input = h('textarea', { ...props, rows: field.rows ?? 6, class: field.class, spellcheck: 'false', value: value ?? '' });
  else if (type === 'select') input = h('select', props, options.map(([option, words]) => h('option', { value: option, selected: option === value }, words)));
  else if (type === 'file') input = h('input', { ...props, type, accept: field.accept });
  else input = h('input', { ...props, type, step: 'any', value: value ?? '' });
  const read = () => (type === 'file' ? input.files[0] ?? null : input.value);
  return { name, when, read, node: h('div', { class: 'field' }, h('label', { for: id }, label), input, note) };
}

/** Shows a dialog until it is closed. Escape and a press beside it close it too. */
export function show(dialog, onClose) {
  const opener = document.activeElement?.dataset.focus;
  dialog.addEventListener('close', () => {
    dialog.remove();
    onClose?.();
    // The browser gives the focus back to what had it, unless that was made anew meanwhile.
    if (opener && document.activeElement === document.body) document.querySelector(`[data-focus="${CSS.escape(opener)}"]`)?.focus();
  });
  dialog.addEventListener('mousedown', (event) => {
    if (event.target === dialog) dialog.close();
  });
  document.body.append(dialog);
  dialog.showModal();
  (dialog.querySelector('input:not([type=checkbox]), textarea, select') ?? dialog.querySelector('button'))?.focus();
}
