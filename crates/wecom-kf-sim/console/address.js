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

function written(seen) {
  const address = new URLSearchParams();
  const before = new URLSearchParams(location.search);
  if (before.has('lang')) address.set('lang', before.get('lang'));
  if (seen.corp !== null) address.set('corp_id', seen.corp);
  const kf = store.customers.get(seen.customer)?.open_kfid;
  if (kf) address.set('account', kf);
  if (seen.customer) address.set('customer', seen.customer);
  if (seen.tab !== 'journal') address.set('tab', seen.tab);
  if (seen.pane !== (seen.customer ? 'chat' : 'people')) address.set('pane', seen.pane);
  if (seen.filter) address.set('filter', seen.filter);
  if (seen.errors) address.set('errors', '');
  if (seen.mine) address.set('mine', '');
  const query = address.toString().replace(/=(?=&|$)/g, '');
  return query ? `?${query}` : location.pathname;
}

/** The address follows the view. A step that one may want to go back on is a new one in the browser's history. */
function writeAddress(isStep) {
  const address = written(view);
  if (isStep) history.pushState(null, '', address);
  else history.replaceState(null, '', address);
}

/** Looks at something else. */
export function look(change, isStep = true) {
  Object.assign(view, change);
  writeAddress(isStep);
  changed('view');
}

/** Looks at another corp, of which the page knows nothing yet: it is loaded anew. This one stays as it is, to be gone back to. */
export function lookAtCorp(corp) {
  const pane = view.pane === 'chat' ? 'people' : view.pane;
  location.assign(written({ ...view, corp, customer: null, mine: false, pane }));
}

export function followHistory() {
  addEventListener('popstate', () => {
    readAddress();
    changed('view');
  });
}
