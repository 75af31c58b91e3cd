// The kinds of message that customers and servicers write, beside text: what is asked for, and a sample of it.

const field = (name, value, type = 'text') => ({ name, value, type });
/** Its media_id goes into the body; without one the simulator makes one up. */
const file = (accept) => ({ name: 'file', type: 'file', accept });

/** `icon`, and the `fields` of the body; `by` is who alone can write it. A kind without fields is sent at once. */
export const KINDS = [
  { msgtype: 'image', icon: 'image', fields: [file('image/png,image/jpeg')] },
  { msgtype: 'voice', icon: 'voice', fields: [file('.amr')] },
  { msgtype: 'video', icon: 'video', fields: [file('video/mp4')] },
  { msgtype: 'file', icon: 'file', fields: [file()] },
  {
    msgtype: 'location',
    icon: 'pin',
    fields: [
      field('name', '人民广场'),
      field('address', '上海市黄浦区人民大道'),
      field('latitude', '31.2304', 'number'),
      field('longitude', '121.4737', 'number'),
    ],
  },
  {
    msgtype: 'link',
    icon: 'link',
    fields: [
      field('title', '春季新品'),
      field('desc', '三月上新，满 200 减 30'),
      field('url', 'https://shop.example/spring'),
      field('pic_url', ''),
    ],
  },
  {
    msgtype: 'miniprogram',
    icon: 'app',
    fields: [
      field('title', '我的订单'),
      field('appid', 'wx0123456789abcdef'),
      field('pagepath', 'pages/order/list.html'),
    ],
  },
  {
    msgtype: 'channels_shop_product',
    icon: 'cart',
    fields: [
      field('product_id', '20250001'),
      field('title', '手冲咖啡壶'),
      field('sales_price', '19900'),
      field('shop_nickname', '小店'),
    ],
  },
  {
    msgtype: 'channels_shop_order',
    icon: 'list',
    fields: [
      field('order_id', '3700000001'),
      field('product_titles', '手冲咖啡壶'),
      field('price_wording', '¥199.00'),
      field('state', '待发货'),
      field('shop_nickname', '小店'),
    ],
  },
  {
    msgtype: 'merged_msg',
    icon: 'chat',
    fields: [
      field('title', '小王和小李的聊天记录'),
      field(
        'item',
        JSON.stringify(
          [
            {
              send_time: 1700000000,
              msgtype: 'text',
              sender_name: '小李',
              msg_content: '{"text":{"content":"这家店不错"}}',
            },
          ],
          null,
          2,
        ),
        'json',
      ),
    ],
  },
  {
    msgtype: 'channels',
    icon: 'play',
    fields: [field('sub_type', '1', 'number'), field('nickname', '小店视频号'), field('title', '新品开箱')],
  },
  { msgtype: 'business_card', icon: 'card', by: 'servicer', fields: [field('userid', 'zhangsan')] },
  {
    msgtype: 'msgmenu',
    icon: 'list',
    by: 'servicer',
    fields: [
      field('head_content', '还需要什么？'),
      field(
        'list',
        JSON.stringify(
          [
            { type: 'click', click: { id: 'yes', content: '已解决' } },
            { type: 'click', click: { id: 'no', content: '没有解决' } },
          ],
          null,
          2,
        ),
        'json',
      ),
      field('tail_content', ''),
    ],
  },
  { msgtype: 'meeting', icon: 'calendar', fields: [] },
  { msgtype: 'schedule', icon: 'clock', fields: [] },
  { msgtype: 'note', icon: 'pencil', fields: [] },
];

/** The body of a kind from what was filled in; what is empty is left out. */
export function bodyOf(kind, values) {
  const body = {};
  for (const { name, type } of kind.fields.filter(({ type }) => type !== 'file')) {
    const value = values[name].trim();
    if (value === '') continue;
    if (type === 'number') body[name] = Number(value);
    else if (type === 'json') body[name] = JSON.parse(value);
    else body[name] = value;
  }
  return body;
}
