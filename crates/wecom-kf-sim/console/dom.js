// Elements. Text only ever becomes a text node: nothing in the console parses HTML, and the page's Content-Security-Policy
// has the browser refuse it too.

import { icon, shape } from './icons.js';
import { t } from './words.js';

/** An element with properties and children. `on` has listeners, `data` data attributes; null and false are left out. */
export function h(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) set(node, name, value);
  node.append(...present(children));
  return node;
}

const present = (children) =>
  children.flat(3).filter((child) => child !== null && child !== undefined && child !== false);

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

/** A session's state: word, number, shape and colour, so that none of them is needed alone. */
export function chip(session, compact = false) {
  const who = session.servicer_userid && !compact ? ` ${session.servicer_userid}` : '';
  return h(
    'span',
    { class: 'chip', data: { state: session.state } },
    shape(session.state),
    h('span', { class: 'words' }, `${session.state} ${t(`state.${session.state}`)}${who}`),
  );
}

/** A button. `label` is what it is called if its content does not say so. */
export function button(content, onClick, props = {}) {
  const { label, ...rest } = props;
  return h('button', { type: 'button', 'aria-label': label, title: label, on: { click: onClick }, ...rest }, content);
}

/** A switch that is on or off. */
export function toggle(label, isOn, onChange, props = {}) {
  return h(
    'button',
    {
      type: 'button',
      class: 'switch',
      role: 'switch',
      'aria-checked': isOn ? 'true' : 'false',
      on: { click: () => onChange(!isOn) },
      ...props,
    },
    h('span', { class: 'knob', 'aria-hidden': 'true' }),
    h('span', {}, label),
  );
}

/**
 * Makes the children of `parent` those of `items`, in their order. A child is made anew only where `version` changed; the
 * focus stays with its `data-focus`.
 */
export function keyed(parent, items, { key, version, make }) {
  const focus = focusIn(parent);
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
  refocus(parent, focus);
}

/** Forgets what `keyed` made, so that everything is made anew. */
export function unkey(parent) {
  parent.replaceChildren();
  parent.rowsByKey = new Map();
}

/** Replaces the children of `parent`; the focus stays with its `data-focus`. */
export function fill(parent, ...children) {
  const focus = focusIn(parent);
  parent.replaceChildren(...present(children));
  refocus(parent, focus);
}

/** What has the focus. */
export const focused = () => /** @type {HTMLElement | null} */ (document.activeElement);

/** The element with this `data-focus`. @returns {HTMLElement | null} */
export const find = (parent, focus) => parent.querySelector(`[data-focus="${CSS.escape(focus)}"]`);

const focusIn = (parent) => (parent.contains(document.activeElement) ? focused().dataset.focus : undefined);

function refocus(parent, focus) {
  if (focus === undefined || parent.contains(document.activeElement)) return;
  find(parent, focus)?.focus({ preventScroll: true });
}

/** A line that goes away by itself. A refusal stays until it is closed. */
export function toast(text, kind = 'done') {
  const close = button(icon('close'), () => node.remove(), { class: 'quiet', label: t('close') });
  const node = h(
    'div',
    { class: `toast ${kind}` },
    icon(kind === 'refused' ? 'warn' : 'check'),
    h('p', {}, text),
    close,
  );
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
    const back = focused();
    (document.querySelector('dialog[open]') ?? document.body).append(area);
    area.select();
    document.execCommand('copy');
    area.remove();
    back?.focus?.();
  }
  toast(t('copied', { what }));
}

/** A small drawing; with an own class it is a button in words. */
export function copyButton(text, what, className = 'quiet small') {
  const isInWords = className === '';
  return button(
    [icon('copy'), h('span', { class: isInWords ? '' : 'sr' }, t('copy.what', { what }))],
    () => copy(text, what),
    { class: className, title: t('copy.what', { what }) },
  );
}
