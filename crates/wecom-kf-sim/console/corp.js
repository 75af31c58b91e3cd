// What the corp's own console sets, in one dialog: it is seldom asked for.

import { patch, post, tried } from './api.js';
import { ask } from './dialog.js';
import { store } from './store.js';
import { t } from './words.js';

const DEPARTMENT = /^\s*(\d{1,15})\s*[:：](.*)$/;

export async function corp() {
  const { upgrade, wechat_channels_bound, departments } = store.corp;
  await ask(
    t('corp.settings'),
    [
      { title: t('corp.upgrade') },
      { name: 'userids', label: t('corp.userids'), value: upgrade.userids.join(' '), hint: t('corp.list.hint') },
      { name: 'department_ids', label: t('corp.department_ids'), value: upgrade.department_ids.join(' ') },
      { name: 'chat_ids', label: t('corp.chat_ids'), value: upgrade.chat_ids.join(' ') },
      { name: 'managed_in_console', label: t('corp.managed'), type: 'checkbox', value: upgrade.managed_in_console },
      { title: t('corp.members') },
      {
        name: 'departments',
        label: t('corp.departments'),
        type: 'textarea',
        class: 'code',
        rows: 3,
        value: departments.map(lineOf).join('\n'),
        hint: t('corp.departments.hint'),
      },
      { title: t('corp.qualification') },
      {
        name: 'wechat_channels_bound',
        label: t('corp.channels_bound'),
        type: 'checkbox',
        value: wechat_channels_bound,
      },
    ],
    {
      send: t('save'),
      intro: t('corp.intro'),
      validate: problem,
      perform: (values) => tried(save(values, departments)),
    },
  );
}

async function save(
  { userids, department_ids, chat_ids, managed_in_console, departments, wechat_channels_bound },
  before,
) {
  for (const department of added(departments, before)) await post('departments', department);
  const upgrade = {
    userids: listed(userids),
    department_ids: listed(department_ids).map(Number),
    chat_ids: listed(chat_ids),
    managed_in_console,
  };
  await patch('corp', { upgrade, wechat_channels_bound });
}

/** What stands between blanks or commas, each once. */
const listed = (text) => [...new Set(text.split(/[\s,，、]+/).filter(Boolean))];

const lineOf = ({ department_id, userids }) => `${department_id}: ${userids.join(' ')}`;
const linesOf = (text) => text.split('\n').filter((line) => line.trim() !== '');

function problem({ department_ids, departments }) {
  const bad =
    listed(department_ids).find((id) => !/^\d{1,15}$/.test(id)) ??
    linesOf(departments).find((line) => !DEPARTMENT.test(line));
  return bad === undefined ? null : t('corp.bad', { what: bad });
}

/** The departments that are new, or have somebody new. */
function added(text, departments) {
  const before = new Map(departments.map(({ department_id, userids }) => [department_id, userids]));
  const wanted = linesOf(text).map((line) => {
    const [, id, userids] = DEPARTMENT.exec(line);
    return { department_id: Number(id), userids: listed(userids) };
  });
  return wanted.filter(
    ({ department_id, userids }) =>
      !userids.every((userid) => before.get(department_id)?.includes(userid)) || !before.has(department_id),
  );
}
