// The control API, as /sim/v1/openapi.yaml describes it.

import { toast } from './dom.js';
import { view } from './store.js';
import { t } from './words.js';

/** The control API said no, and why. */
class Refused extends Error {
  constructor(status, why) {
    super(why);
    this.status = status;
  }
}

/** Where a path of the control API is, for the corp that is looked at. */
export function at(path) {
  const query = view.corp === null ? '' : `${path.includes('?') ? '&' : '?'}corp_id=${encodeURIComponent(view.corp)}`;
  return `/sim/v1/${path}${query}`;
}

async function call(method, path, body) {
  /** @type {RequestInit} */
  const request = { method, cache: 'no-store' };
  if (method !== 'GET' && method !== 'DELETE') {
    const isFile = body instanceof Blob;
    request.headers = { 'Content-Type': isFile ? 'application/octet-stream' : 'application/json' };
    request.body = isFile ? body : JSON.stringify(body ?? {});
  }
  const response = await fetch(at(path), request);
  const reply = await response.json().catch(() => null);
  if (!response.ok) throw new Refused(response.status, reply?.error ?? t('http', { status: response.status }));
  return reply;
}

export const get = (path) => call('GET', path);

/** Rows of the journal by their number: the simulator has them in the order in which they began. */
export async function getRows(query) {
  const reply = await get(`journal?${query}`);
  reply.entries.sort((one, other) => one.n - other.n);
  return reply;
}

export const post = (path, body) => call('POST', path, body);
export const put = (path, body) => call('PUT', path, body);
export const patch = (path, body) => call('PATCH', path, body);
export const del = (path) => call('DELETE', path);

/** Path segments, escaped. */
export const path = (...segments) => segments.map((segment) => encodeURIComponent(segment)).join('/');

export const isNotFound = (error) => error instanceof Refused && error.status === 404;

const why = (error) => (error instanceof Refused ? error.message : t('unreachable'));

/** Does something; a refusal is shown, and null is given. */
export async function act(promise) {
  try {
    return (await promise) ?? {};
  } catch (error) {
    toast(why(error), 'refused');
    return null;
  }
}

/** Does something; gives in words why it cannot be done, or null. */
export const tried = (promise) => promise.then(() => null, why);
