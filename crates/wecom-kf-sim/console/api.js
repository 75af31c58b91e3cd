// The control API, as /sim/v1/openapi.yaml describes it.

import { toast } from './dom.js';
import { t } from './words.js';

/** The control API said no, and why. */
class Refused extends Error {}

async function call(method, path, body) {
  const request = { method, cache: 'no-store' };
  if (method !== 'GET' && method !== 'DELETE') {
    const isFile = body instanceof Blob;
    request.headers = { 'Content-Type': isFile ? 'application/octet-stream' : 'application/json' };
    request.body = isFile ? body : JSON.stringify(body ?? {});
  }
  const response = await fetch(`/sim/v1/${path}`, request);
  const reply = await response.json().catch(() => null);
  if (!response.ok) throw new Refused(reply?.error ?? t('http', { status: response.status }));
  return reply;
}

export const get = (path) => call('GET', path);
export const post = (path, body) => call('POST', path, body);
export const put = (path, body) => call('PUT', path, body);
export const patch = (path, body) => call('PATCH', path, body);
export const del = (path) => call('DELETE', path);

/** Path segments, escaped. */
export const path = (...segments) => segments.map((segment) => encodeURIComponent(segment)).join('/');

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
