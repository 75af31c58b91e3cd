// How a customer comes in: by a link of the console, by one that the bot made, or from a 视频号.

import { act, get, path, post, tried } from './api.js';
import { ask } from './dialog.js';
import { t } from './words.js';

const WAYS = ['scene', 'url', 'channels'];
/** 4 and 5 are a shop's. */
const CHANNELS_SCENES = ['1', '2', '3', '4', '5'];

export async function askToEnter(person) {
  const made = await act(get('contact_ways'));
  if (!made) return;
  const links = made.contact_ways.filter(({ open_kfid }) => open_kfid === person.open_kfid);
  const by = (way) => (values) => values.by === way;
  // Only a link with a scene takes one.
  const takesParam = ({ by: way, url }) =>
    way === 'scene' || (way === 'url' && links.some((link) => link.url === url && link.scene !== null));
  await ask(
    t('enter'),
    [
      {
        name: 'by',
        label: t('enter.by'),
        type: 'select',
        value: 'scene',
        options: WAYS.map((way) => [way, t(`enter.${way}`)]),
      },
      { name: 'scene', label: t('scene'), hint: t('scene.hint'), maxlength: 32, when: by('scene') },
      {
        name: 'url',
        label: t('enter.link'),
        type: 'select',
        options: links.map(({ url, scene }) => [url, scene === null ? url : `${scene} · ${url}`]),
        hint: links.length === 0 ? t('enter.no_link') : null,
        when: by('url'),
      },
      { name: 'scene_param', label: t('scene_param'), hint: t('scene_param.hint'), maxlength: 128, when: takesParam },
      {
        name: 'channels_scene',
        label: t('enter.channels.scene'),
        type: 'select',
        value: '1',
        options: CHANNELS_SCENES.map((scene) => [scene, t(`enter.channels.${scene}`)]),
        when: by('channels'),
      },
      { name: 'nickname', label: t('enter.nickname'), value: '小店视频号', when: by('channels') },
    ],
    {
      send: t('enter'),
      intro: t('enter.intro'),
      validate: ({ url }) => (url === '' ? t('enter.no_link') : null),
      perform: (values) => tried(post(path('customers', person.external_userid, 'enter'), entrance(values))),
    },
  );
}

function entrance({ by, scene, scene_param, url, channels_scene, nickname }) {
  if (by === 'channels') return { channels: { scene: Number(channels_scene), nickname } };
  if (by === 'url') return { url: scene_param ? `${url}&scene_param=${encodeURIComponent(scene_param)}` : url };
  return scene_param ? { scene, scene_param } : { scene };
}
