// JSON as people read it, in colours.

import { h } from './dom.js';
import { t } from './words.js';

const TOKEN = /("(?:\\.|[^"\\])*")(\s*:)?|\b(true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
/** A page of a thousand messages is for a file, not for the eye. */
const SHOWN = 20_000;

export function json(value) {
  if (typeof value === 'string') return h('pre', { tabindex: 0 }, value);
  const whole = JSON.stringify(value, null, 2) ?? '';
  const text = whole.slice(0, SHOWN);
  const pre = h('pre', { class: 'json', tabindex: 0 });
  let end = 0;
  for (const match of text.matchAll(TOKEN)) {
    pre.append(text.slice(end, match.index));
    const [token, string, colon, word] = match;
    if (string && colon) pre.append(h('span', { class: 'key' }, string), colon);
    else pre.append(h('span', { class: string ? 'string' : word ? 'word' : 'number' }, token));
    end = match.index + token.length;
  }
  pre.append(text.slice(end));
  if (whole.length > SHOWN)
    pre.append(h('span', { class: 'dim' }, `\n${t('json.more', { count: whole.length - SHOWN })}`));
  return pre;
}
