// Corp, account, customer and filters are in the address: it can be kept, sent to somebody, and gone back to.

import { changed, store, view } from './store.js';

export function readAddress() {
  const address = new URLSearchParams(location.search);
  view.corp = address.get('corp_id');
  view.customer = address.get('customer');
  view.tab = address.get('tab') ?? 'journal';
  view.pane = address.get('pane') ?? (view.customer ? 'chat' : 'people');
  view.filter = address.get('filter') ?? '';
  view.errors = address.has('errors');
  view.mine = address.has('mine');
  return address;
}

function written() {
  const address = new URLSearchParams();
  const before = new URLSearchParams(location.search);
  if (before.has('lang')) address.set('lang', before.get('lang'));
  if (view.corp !== null) address.set('corp_id', view.corp);
  const kf = store.customers.get(view.customer)?.open_kfid;
  if (kf) address.set('account', kf);
  if (view.customer) address.set('customer', view.customer);
  if (view.tab !== 'journal') address.set('tab', view.tab);
  if (view.pane !== (view.customer ? 'chat' : 'people')) address.set('pane', view.pane);
  if (view.filter) address.set('filter', view.filter);
  if (view.errors) address.set('errors', '');
  if (view.mine) address.set('mine', '');
  const query = address.toString().replace(/=(?=&|$)/g, '');
  return query ? `?${query}` : location.pathname;
}

/** The address follows the view. A step that one may want to go back on is a new one in the browser's history. */
function writeAddress(isStep) {
  const address = written();
  if (isStep) history.pushState(null, '', address);
  else history.replaceState(null, '', address);
}

/** Looks at something else. */
export function look(change, isStep = true) {
  Object.assign(view, change);
  writeAddress(isStep);
  changed('view');
}

/** Looks at another corp, of which the page knows nothing yet: it is loaded anew. */
export function lookAtCorp(corp) {
  Object.assign(view, { corp, customer: null, mine: false });
  location.assign(written());
}

export function followHistory() {
  addEventListener('popstate', () => {
    readAddress();
    changed('view');
  });
}
