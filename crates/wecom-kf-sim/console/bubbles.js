// What a message looks like to the customer. Everything in it is somebody's text: it becomes text nodes, and addresses
// only become links if they are http or https. No picture from elsewhere is loaded.

import { act, at, path, post } from './api.js';
import { button, h } from './dom.js';
import { icon } from './icons.js';
import { left } from './time.js';
import { t } from './words.js';

const ADDRESS = /(https?:\/\/[^\s<>"'，。！？、（）]+)/;

export function content(entry, person) {
  const body = entry.body ?? {};
  const draw = KINDS[entry.msgtype] ?? unknown;
  return draw(body, entry, person);
}

const text = (value) =>
  typeof value === 'string' ? value : value === undefined || value === null ? '' : JSON.stringify(value);

// A link that sends a text, as a menu item does: the quotation mark, the query, the label.
const MENU_LINK = /<a [^>]*?href=(["'])weixin:\/\/kefumenu\?([^"'>]*)\1[^>]*>([\s\S]*?)<\/a>/;

function linked(value, person) {
  const pieces = text(value).split(MENU_LINK);
  const shown = [];
  for (let place = 0; place < pieces.length; place += 4) {
    shown.push(...pieces[place].split(ADDRESS).map((part, at) => (at % 2 === 1 ? anchor(part, part) : part)));
    if (place + 3 < pieces.length) shown.push(menuLink(person, pieces[place + 2], pieces[place + 3]));
  }
  return shown;
}

/** As WeChat reads it: without an id or a text a tap does nothing. */
function menuLink(person, query, label) {
  const parameters = new URLSearchParams(unescaped(query).split('#')[0]);
  const [id, content] = [parameters.get('kefumenuid'), parameters.get('kefumenucontent')];
  if (!person || !id || !content) return h('span', { class: 'menu-link' }, unescaped(label));
  return button(unescaped(label), () => tap(person, { id, content }), {
    class: 'menu-link',
    title: content,
    data: { menu: id },
  });
}

function unescaped(escaped) {
  const characters = { lt: '<', gt: '>', quot: '"', '#39': "'", amp: '&' };
  return escaped.replace(/&(lt|gt|quot|#39|amp);/g, (_, name) => characters[name]);
}

function anchor(address, ...children) {
  return h('a', { href: address, target: '_blank', rel: 'noopener noreferrer' }, ...children);
}

/** A link if the address is one of the web, else only its words. */
function webLink(address, className, ...children) {
  const isWeb = /^https?:\/\//i.test(text(address));
  return isWeb
    ? h('a', { class: className, href: address, target: '_blank', rel: 'noopener noreferrer' }, ...children)
    : h('div', { class: className }, ...children);
}

const media = (id) => at(path('media', id));

function picture(id, label) {
  if (!id) return h('span', { class: 'blank' }, icon('image'));
  const image = h('img', { src: media(id), alt: label, loading: 'lazy', decoding: 'async' });
  // Older than three days, or not known: what is left is the place of it.
  image.addEventListener('error', () =>
    image.replaceWith(h('span', { class: 'blank' }, icon('image'), h('span', {}, t('media.gone')))),
  );
  return image;
}

function file(kind, symbol) {
  return (body) =>
    h(
      'a',
      {
        class: `card file ${kind}`,
        href: body.media_id ? media(body.media_id) : null,
        target: '_blank',
        rel: 'noopener noreferrer',
      },
      h('span', { class: 'tile' }, icon(symbol)),
      h('span', { class: 'title' }, t(`kind.${kind}`)),
      h('code', { class: 'dim' }, short(text(body.media_id))),
    );
}

const short = (id) => (id.length > 22 ? `${id.slice(0, 20)}…` : id);

function card(symbol, kind, title, ...lines) {
  return h(
    'div',
    { class: 'card' },
    h('p', { class: 'title' }, text(title)),
    lines.filter(Boolean).map((line) => h('p', { class: 'dim' }, text(line))),
    h('p', { class: 'foot dim' }, icon(symbol), t(`kind.${kind}`)),
  );
}

function quoted(item) {
  let said = item.msg_content;
  try {
    const inner = JSON.parse(item.msg_content);
    said = inner.text?.content ?? `[${inner.msgtype ?? item.msgtype}]`;
  } catch {
    // It may be empty or no JSON: then as it is.
  }
  return h('p', {}, h('span', { class: 'dim' }, `${text(item.sender_name)}: `), text(said));
}

function menu(body, person) {
  const items = Array.isArray(body.list) ? body.list : [];
  return h(
    'div',
    { class: 'menu' },
    body.head_content ? h('p', { class: 'head' }, linked(body.head_content, person)) : null,
    h(
      'ul',
      {},
      items.map((item) => h('li', { class: item?.type }, menuItem(item ?? {}, person))),
    ),
    body.tail_content ? h('p', { class: 'tail dim' }, linked(body.tail_content, person)) : null,
  );
}

function menuItem(item, person) {
  const body = item[item.type] ?? {};
  if (item.type === 'click') {
    return button([h('span', {}, text(body.content)), icon('chevron')], () => tap(person, body), {
      class: 'item',
      data: { menu: text(body.id) },
    });
  }
  if (item.type === 'view') return webLink(body.url, 'item', h('span', {}, text(body.content)), icon('out'));
  if (item.type === 'miniprogram') {
    return h(
      'div',
      { class: 'item', title: `${text(body.appid)} ${text(body.pagepath)}` },
      h('span', {}, text(body.content)),
      icon('app'),
    );
  }
  return h('p', {}, linked(body.content, person));
}

const tap = (person, { id, content }) =>
  act(post(path('customers', person.external_userid, 'taps'), { menu_id: text(id), content: text(content) }));

function price(fen) {
  const number = Number(fen);
  return Number.isFinite(number) && text(fen) !== '' ? `¥${(number / 100).toFixed(2)}` : text(fen);
}

function unknown(body, entry) {
  return h(
    'div',
    { class: 'card' },
    h('p', { class: 'title' }, entry.msgtype),
    h('pre', {}, JSON.stringify(body, null, 2)),
    h('p', { class: 'foot dim' }, icon('code'), t('kind.unknown')),
  );
}

const KINDS = {
  text: (body, entry, person) =>
    h('p', { class: 'words' }, linked(body.content, entry.from === 'customer' ? null : person)),
  image: (body) =>
    h(
      'a',
      {
        class: 'picture',
        href: body.media_id ? media(body.media_id) : null,
        target: '_blank',
        rel: 'noopener noreferrer',
      },
      picture(body.media_id, t('kind.image')),
    ),
  voice: file('voice', 'voice'),
  video: file('video', 'video'),
  file: file('file', 'file'),
  location: (body) =>
    h(
      'div',
      { class: 'card place' },
      h('p', { class: 'title' }, text(body.name) || t('kind.location')),
      body.address ? h('p', { class: 'dim' }, text(body.address)) : null,
      h('div', { class: 'map', 'aria-hidden': 'true' }, icon('pin')),
      h('p', { class: 'foot dim' }, icon('pin'), `${text(body.latitude)}, ${text(body.longitude)}`),
    ),
  link: (body) =>
    webLink(
      body.url,
      'card link',
      h('p', { class: 'title' }, text(body.title) || text(body.url)),
      h(
        'div',
        { class: 'beside' },
        h('p', { class: 'dim' }, text(body.desc)),
        h('span', { class: 'thumb' }, body.thumb_media_id ? picture(body.thumb_media_id, '') : icon('link')),
      ),
      h('p', { class: 'foot dim' }, icon('link'), text(body.url)),
    ),
  business_card: (body) => card('card', 'business_card', body.userid),
  miniprogram: (body) =>
    h(
      'div',
      { class: 'card' },
      h('p', { class: 'dim' }, icon('app'), text(body.appid)),
      h('p', { class: 'title' }, text(body.title)),
      h('div', { class: 'cover' }, body.thumb_media_id ? picture(body.thumb_media_id, '') : icon('app')),
      h('p', { class: 'foot dim' }, icon('app'), t('kind.miniprogram'), ' ', h('code', {}, text(body.pagepath))),
    ),
  msgmenu: (body, _, person) => menu(body, person),
  ca_link: (body) =>
    webLink(
      body.link_url,
      'card',
      h('p', { class: 'title' }, t('kind.ca_link')),
      h('p', { class: 'foot dim' }, icon('link'), text(body.link_url)),
    ),
  channels_shop_product: (body) =>
    card('cart', 'channels_shop_product', body.title, price(body.sales_price), body.shop_nickname),
  channels_shop_order: (body) =>
    card(
      'cart',
      'channels_shop_order',
      body.product_titles,
      [text(body.price_wording), text(body.state)].filter(Boolean).join(' · '),
      body.order_id && `${t('order')} ${text(body.order_id)}`,
    ),
  merged_msg: (body) =>
    h(
      'div',
      { class: 'card' },
      h('p', { class: 'title' }, text(body.title)),
      (Array.isArray(body.item) ? body.item : []).slice(0, 4).map(quoted),
      h('p', { class: 'foot dim' }, icon('chat'), t('kind.merged_msg')),
    ),
  channels: (body) =>
    card(
      'play',
      'channels',
      body.title || body.nickname,
      body.title ? body.nickname : '',
      t(`channels.${[1, 2, 3].includes(body.sub_type) ? body.sub_type : 'other'}`),
    ),
  meeting: (body) => plain('calendar', 'meeting', body),
  schedule: (body) => plain('clock', 'schedule', body),
  note: (body) => plain('pencil', 'note', body),
};

function plain(symbol, kind, body) {
  const isEmpty = Object.keys(body).length === 0;
  return h(
    'div',
    { class: 'card' },
    h('p', { class: 'title' }, icon(symbol), t(`kind.${kind}`)),
    isEmpty ? null : h('pre', {}, JSON.stringify(body, null, 2)),
  );
}

/** What happened, in a line: somebody entered, the session changed hands. */
export function happened(entry, person) {
  const {
    event,
    state,
    servicer_userid,
    by,
    text: english,
    scene,
    wechat_channels: channels,
    rejecting,
    rating,
  } = entry.body ?? {};
  const values = {
    name: person?.name ?? '',
    servicer: text(servicer_userid),
    scene: text(scene),
    state: state === undefined || state === null ? '' : `${state} ${t(`state.${state}`)}`,
    by: by ? t(`by.${by}`) : '',
    nickname: text(channels?.nickname ?? channels?.shop_nickname),
    offer: event === 'offered' ? offerOf(entry.body) : '',
    rating: rating ? t(`rating.${rating}`) : '',
  };
  const known = {
    entered: channels ? 'note.entered_from' : scene ? 'note.entered_by' : 'note.entered',
    accepted: 'note.accepted',
    asked_to_rate: 'note.asked_to_rate',
    offered: 'note.offered',
    rated: 'note.rated',
    withdrawn: 'note.withdrawn',
    taken: 'note.taken',
    transferred: by === 'api' ? null : 'note.transferred',
    ended: by === 'api' ? null : 'note.ended',
    state: servicer_userid ? 'note.state_servicer' : 'note.state',
    rejecting: rejecting === false ? 'note.receiving' : rejecting === true ? 'note.rejecting' : null,
  }[event];
  // The simulator's own line stands in parentheses.
  return known ? t(known, values) : text(english).replace(/^\((.*)\)$/, '$1');
}

/** Who is offered by upgrade_service. */
export const offerOf = ({ type, id }) => t(`offer.${type}`, { id: text(id) });

/** A code that runs out, as a line with its seconds. */
export const codeLeft = (code, seconds) =>
  t(`code.${code.occasion}`, { left: seconds < 60 ? `${Math.ceil(seconds)} s` : left(seconds) });
